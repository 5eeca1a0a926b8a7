"""whisperX behind the same route: its batched pipeline with its own voice detection, without alignment.

Run by its path in an environment that has whisperx, FastAPI and uvicorn. Alignment needs another model from the hub, so
its answers have no word times: it does less for each request than the others.
"""

import argparse
from threading import Lock

import uvicorn
import whisperx
from fastapi import FastAPI, Form, UploadFile
from faster_whisper.audio import decode_audio


def application(weights: str, threads: int) -> FastAPI:
    """Return the app with its models loaded."""
    model = whisperx.load_model(weights, device="cpu", compute_type="int8", threads=threads, language="en")
    one_at_a_time = Lock()  # the pipeline keeps what it works on in itself
    app = FastAPI()

    @app.get("/health")
    def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.post("/transcribe")
    def transcribe(file: UploadFile, language: str = Form("en")) -> dict[str, object]:
        audio = decode_audio(file.file)  # whisperX's own way needs an ffmpeg program
        with one_at_a_time:
            found = model.transcribe(audio, batch_size=8, language=language)
        return {"text": "".join(s["text"] for s in found["segments"]), "language": found["language"]}

    return app


if __name__ == "__main__":
    options = argparse.ArgumentParser()
    options.add_argument("--weights", required=True)
    options.add_argument("--port", type=int, required=True)
    options.add_argument("--threads", type=int, required=True)
    given = options.parse_args()
    uvicorn.run(application(given.weights, given.threads), host="127.0.0.1", port=given.port, log_level="warning")
