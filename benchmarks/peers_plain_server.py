"""A transcription server as one usually writes it first: FastAPI, one faster-whisper model, a route.

Run by its path, with `--weights` and `--port`, in whatever environment has FastAPI and faster-whisper.
"""

import argparse

import uvicorn
from fastapi import FastAPI, Form, UploadFile
from faster_whisper import WhisperModel


def application(weights: str, threads: int) -> FastAPI:
    """Return the app with its model loaded."""
    model = WhisperModel(weights, device="cpu", compute_type="int8", cpu_threads=threads)
    app = FastAPI()

    @app.get("/health")
    def health() -> dict[str, str]:
        return {"status": "ok"}

    # Not `async`: FastAPI runs it in a thread, so that the event loop stays free.
    @app.post("/transcribe")
    def transcribe(file: UploadFile, language: str = Form("en")) -> dict[str, object]:
        found, info = model.transcribe(file.file, language=language, beam_size=5, word_timestamps=True)
        segments = [
            {
                "start": segment.start,
                "end": segment.end,
                "text": segment.text,
                "words": [{"word": w.word, "start": float(w.start), "end": float(w.end)} for w in segment.words or ()],
            }
            for segment in found
        ]
        return {"text": "".join(str(s["text"]) for s in segments), "language": info.language, "segments": segments}

    return app


if __name__ == "__main__":
    options = argparse.ArgumentParser()
    options.add_argument("--weights", required=True)
    options.add_argument("--port", type=int, required=True)
    options.add_argument("--threads", type=int, required=True)
    given = options.parse_args()
    uvicorn.run(application(given.weights, given.threads), host="127.0.0.1", port=given.port, log_level="warning")
