"""Transcription servers as one usually writes them first: FastAPI, one model, a route; the library is chosen by name.

Run by its path, with `--library`, `--weights`, `--port` and `--threads`, in whatever environment has FastAPI, uvicorn
and the library. `whisperx` is its batched pipeline with its own voice detection, without alignment: that needs another
model from the hub, so its answers have no word times, and it does less for each request than the others.
"""

import argparse
from collections.abc import Callable
from threading import Lock
from typing import BinaryIO

import uvicorn
from fastapi import FastAPI, Form, UploadFile

Transcribe = Callable[[BinaryIO, str], dict[str, object]]


def faster_whisper(weights: str, threads: int) -> Transcribe:
    """Return faster-whisper with its model loaded."""
    from faster_whisper import WhisperModel

    model = WhisperModel(weights, device="cpu", compute_type="int8", cpu_threads=threads)

    def transcribe(file: BinaryIO, language: str) -> dict[str, object]:
        found, info = model.transcribe(file, language=language, beam_size=5, word_timestamps=True)
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

    return transcribe


def whisperx(weights: str, threads: int) -> Transcribe:
    """Return whisperX with its models loaded."""
    from faster_whisper.audio import decode_audio
    from whisperx import load_model

    model = load_model(weights, device="cpu", compute_type="int8", threads=threads, language="en")
    one_at_a_time = Lock()  # the pipeline keeps what it works on in itself

    def transcribe(file: BinaryIO, language: str) -> dict[str, object]:
        audio = decode_audio(file)  # whisperX's own way needs an ffmpeg program
        with one_at_a_time:
            found = model.transcribe(audio, batch_size=8, language=language)
        return {"text": "".join(s["text"] for s in found["segments"]), "language": found["language"]}

    return transcribe


def application(recognize: Transcribe) -> FastAPI:
    """Return the app around a loaded model."""
    app = FastAPI()

    @app.get("/health")
    def health() -> dict[str, str]:
        return {"status": "ok"}

    # Not `async`: FastAPI runs it in a thread, so that the event loop stays free.
    @app.post("/transcribe")
    def transcribe(file: UploadFile, language: str = Form("en")) -> dict[str, object]:
        return recognize(file.file, language)

    return app


if __name__ == "__main__":
    libraries = {"faster-whisper": faster_whisper, "whisperx": whisperx}
    options = argparse.ArgumentParser()
    options.add_argument("--library", required=True, choices=libraries)
    options.add_argument("--weights", required=True)
    options.add_argument("--port", type=int, required=True)
    options.add_argument("--threads", type=int, required=True)
    given = options.parse_args()
    app = application(libraries[given.library](given.weights, given.threads))
    uvicorn.run(app, host="127.0.0.1", port=given.port, log_level="warning")
