"""`hark transcribe` against a stand-in for the service."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
from click.testing import Result
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from serve_app.cli import app, transcribe
from serve_app.cli.client import Request, TranscriptionError, open_client, server_sent_events, transcribe_file
from serve_app.cli.service import started_service
from serve_app.cli.transcribe import output_names, text_by_turns

FAKE = (sys.executable, str(Path(__file__).with_name("fake_service.py")))


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with started_service(FAKE) as url:
        yield url


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "meeting.wav"
    path.write_text("say good morning")
    return path


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["transcribe", *map(str, arguments)])


def test_a_recording_is_printed_with_its_speaker(url: str, recording: Path) -> None:
    result = run(recording, "--url", url)
    assert result.exit_code == 0, result.output
    assert result.stdout == "[00:00:01] Speaker 1: good morning\n"


def test_options_reach_the_service(url: str, recording: Path) -> None:
    result = run(
        recording, "--url", url, "-f", "json", "--model", "small", "--language", "fr",
        "--no-diarize", "--speakers", "3", "--api-key", "secret",
    )  # fmt: skip
    transcript = json.loads(result.stdout)
    assert transcript["form"] == {
        "stream": "true", "diarize": "false", "speakers": "3",
        "response_format": "json", "model": "small", "language": "fr",
    }  # fmt: skip
    assert transcript["key"] == "Bearer secret"


def test_what_was_not_chosen_is_left_to_the_service(url: str, recording: Path) -> None:
    form = json.loads(run(recording, "--url", url, "-f", "json").stdout)["form"]
    assert "model" not in form
    assert "language" not in form


def test_subtitles_are_the_services(url: str, recording: Path) -> None:
    assert run(recording, "--url", url, "-f", "srt").stdout == "srt of good morning\n"


def test_several_recordings_are_printed_in_order_under_their_names(url: str, tmp_path: Path) -> None:
    paths = [tmp_path / f"{name}.wav" for name in ("one", "two", "three")]
    for path in paths:
        path.write_text(f"say this is {path.stem}")
    result = run(*paths, "--url", url)
    assert result.stdout == "".join(f"== {p} ==\n[00:00:01] Speaker 1: this is {p.stem}\n" for p in paths)


def test_a_directory_gets_a_file_for_each_recording(url: str, recording: Path, tmp_path: Path) -> None:
    result = run(recording, "--url", url, "-f", "vtt", "-o", tmp_path / "out" / "deep")
    assert result.stdout == ""
    assert [path.name for path in (tmp_path / "out" / "deep").iterdir()] == ["meeting.vtt"]
    assert (tmp_path / "out" / "deep" / "meeting.vtt").read_text() == "vtt of good morning\n"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("refuse The file is damaged.", "The file is damaged."),
        ("fail A model is down.", "A model is down."),
        ("quota", "Come back tomorrow."),
        ("die", "hung up before it was done"),
    ],
)
def test_one_failure_is_told_at_the_end_and_the_others_are_done(
    url: str, recording: Path, tmp_path: Path, content: str, reason: str
) -> None:
    bad = tmp_path / "bad.wav"
    bad.write_text(content)
    result = run(bad, recording, tmp_path / "missing.wav", "--url", url)
    assert result.exit_code == 1
    assert "good morning" in result.stdout
    failures = [line for line in result.stderr.splitlines() if line.startswith("failed")]
    assert len(failures) == 2
    assert reason in failures[0]
    assert "cannot be read (No such file or directory)" in failures[1]


def test_a_busy_service_is_asked_again(url: str, tmp_path: Path) -> None:
    path = tmp_path / "busy.wav"
    path.write_text("busy but patient")
    result = run(path, "--url", url)
    assert result.exit_code == 0
    assert "but patient" in result.stdout


def test_a_recording_without_words_prints_nothing(url: str, tmp_path: Path) -> None:
    path = tmp_path / "silence.wav"
    path.write_text("silence")
    result = run(path, "--url", url)
    assert (result.exit_code, result.stdout) == (0, "")
    assert "No speech was found" in result.stderr


def test_a_service_is_started_when_nobody_listens(recording: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    urls: list[str] = []

    def start() -> object:
        urls.append("started")
        return started_service(FAKE)

    monkeypatch.setattr(transcribe, "started_service", start)
    monkeypatch.setattr(transcribe, "pull_profile", lambda *_, **__: True)
    result = run(recording, "--url", "http://127.0.0.1:9")
    assert result.exit_code == 0, result.output
    assert "good morning" in result.stdout
    assert urls == ["started"]


def test_without_weights_no_service_is_started(recording: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transcribe, "pull_profile", lambda *_, **__: False)
    monkeypatch.setattr(transcribe, "started_service", lambda: pytest.fail("no weights, no service"))
    result = run(recording, "--url", "http://127.0.0.1:9")
    assert result.exit_code == 1
    assert "Without its weights" in result.stderr


INTERRUPTED = """
import signal
import sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs are started without
from serve_app.cli import app, transcribe
from serve_app.cli.service import started_service
transcribe.pull_profile = lambda *_, **__: True
transcribe.started_service = lambda: started_service([*sys.argv[1:3], "--child", sys.argv[3]])
app(["transcribe", sys.argv[4], "--url", "http://127.0.0.1:9"])
"""


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_stops_the_service_that_was_started(tmp_path: Path, signal_number: int) -> None:
    path = tmp_path / "long.wav"
    path.write_text("hang")
    child = tmp_path / "child"
    command = [sys.executable, "-c", INTERRUPTED, *FAKE, str(child), str(path)]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while not child.exists():
            assert process.poll() is None
            os.sched_yield()
        process.send_signal(signal_number)
        assert process.wait(timeout=30) == 130
    finally:
        process.kill()
        process.wait()
    pid = int(child.read_text(encoding="ascii"))
    state = Path(f"/proc/{pid}/stat")
    assert not state.exists() or state.read_text(encoding="ascii").rsplit(")", 1)[1].split()[0] == "Z"


async def test_a_connection_that_breaks_is_a_sentence(recording: Path) -> None:
    async with open_client("http://127.0.0.1:9") as client:
        with pytest.raises(TranscriptionError, match="the connection to the service broke"):
            await transcribe_file(client, recording, Request())


async def test_an_answer_that_is_no_json_is_told_by_its_status(recording: Path) -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(502, text="<html>bad gateway</html>"))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        with pytest.raises(TranscriptionError, match="answered 502"):
            await transcribe_file(client, recording, Request())


async def lines(text: str) -> AsyncIterator[str]:
    for line in text.split("\n"):
        yield line


async def test_events_are_read_with_comments_and_data_over_several_lines() -> None:
    stream = ': hello\n\nevent: progress\ndata: {"done":\ndata: 0.5}\n\ndata:{"x": 1}\n\nevent: done\n\ndata: {"cut'
    events = [event async for event in server_sent_events(lines(stream))]
    assert events == [("progress", {"done": 0.5}), ("message", {"x": 1})]


@pytest.mark.parametrize("data", ["{", "[1]"])
async def test_an_event_that_is_not_an_object_is_refused(data: str) -> None:
    with pytest.raises(TranscriptionError, match="not"):
        [event async for event in server_sent_events(lines(f"data: {data}\n\n"))]


def segment(start: float, text: str, speaker: str | None = None) -> dict[str, object]:
    return {"start": start, "end": start + 1, "text": text} | ({"speaker": speaker} if speaker else {})


def test_segments_of_one_speaker_in_a_row_are_one_line() -> None:
    transcript = {
        "speakers": ["Speaker 1", "Speaker 2"],
        "segments": [
            segment(12.9, " Good morning.", "Speaker 1"),
            segment(14, "Shall we begin?", "Speaker 1"),
            segment(3661, "Yes.", "Speaker 2"),
            segment(3670, "Then"),
        ],
    }
    assert text_by_turns(transcript).splitlines() == [
        "[00:00:12] Speaker 1: Good morning. Shall we begin?",
        "[01:01:01] Speaker 2: Yes.",
        "[01:01:10] Unknown: Then",
    ]


def test_without_speakers_every_segment_is_a_line() -> None:
    transcript = {"speakers": [], "segments": [segment(0, "One."), segment(2, "Two.")]}
    assert text_by_turns(transcript) == "[00:00:00] One.\n[00:00:02] Two."


def test_silence_is_an_empty_text() -> None:
    assert text_by_turns({"speakers": [], "segments": []}) == ""


PARTS = st.sampled_from(["a", "b", "a.wav", "b.mp3", "a-2", "a.wav-2"])


@given(st.lists(st.tuples(PARTS, PARTS), max_size=12))
def test_no_two_transcripts_get_the_same_name(parts: list[tuple[str, str]]) -> None:
    names = output_names([Path(directory) / name for directory, name in parts], "txt")
    assert len(set(names)) == len(parts)
    assert all(name.endswith(".txt") for name in names)


def test_a_lonely_name_keeps_its_stem() -> None:
    assert output_names([Path("x/a.wav"), Path("y/b.wav"), Path("y/b.mp3")], "srt") == [
        "a.srt",
        "b.wav.srt",
        "b.mp3.srt",
    ]
