"""Requests beside one another: nobody waits for somebody else's long recording, and nobody gets another's words."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
from recordings import JFK_WORDS, events, recording, repeated_meeting, transcribe, words_of


def test_a_short_recording_does_not_wait_for_a_long_one(client: httpx.Client) -> None:
    at_work = threading.Event()

    def transcribe_long() -> list[str]:
        files = {"file": ("long.wav", repeated_meeting(2))}
        with client.stream("POST", "/v1/transcribe", files=files, data={"stream": "true"}) as response:
            names = []
            for name, _ in events(response):
                names.append(name)
                if name == "segment":  # the recognizers have their hands full
                    at_work.set()
            return names

    with ThreadPoolExecutor(1) as pool:
        long = pool.submit(transcribe_long)
        assert at_work.wait(60)
        body = transcribe(client, recording("jfk.mp3"), diarize="false").json()
        answered_first = not long.done()
    assert words_of(body["text"]) == JFK_WORDS
    assert answered_first
    assert long.result()[-1] == "done"


def test_requests_at_once_get_their_own_words(client: httpx.Client) -> None:
    recordings = {
        "jfk.opus": " ".join(JFK_WORDS),
        "librispeech_1995-1837-0001.flac": "it was the first great sorrow of his life",
        "librispeech_3259-158083-0000.flac": "administration terrorism the administration tried",
    }
    names = [*recordings] * 2
    with ThreadPoolExecutor(len(names)) as pool:
        answers = list(pool.map(lambda name: transcribe(client, recording(name), diarize="false").json(), names))
    for name, answer in zip(names, answers, strict=True):
        assert " ".join(words_of(answer["text"])).startswith(recordings[name])
    assert len({answer["request_id"] for answer in answers}) == len(answers)
