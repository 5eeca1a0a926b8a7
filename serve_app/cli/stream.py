"""`hark stream`: captions of a recording, or of what comes in on standard input, while it plays."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import sys
import time
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any
from urllib.parse import urlencode

import typer
from rich.console import Console
from rich.text import Text

from serve_app.cli.faults import print_fault

_SOURCES = "A recording, - for PCM (s16le, 16 kHz, mono), or the microphone."
DEFAULT_URL = "http://127.0.0.1:8000"
RATE_HZ = 16_000
FRAME_S = 0.1
_FRAME_BYTES = round(FRAME_S * RATE_HZ) * 2

# FFmpeg's capture devices and their names for the default microphone, by platform.
_MICROPHONES = {
    "linux": (("pulse", "default"), ("alsa", "default")),
    "darwin": (("avfoundation", ":default"),),
    "win32": (("dshow", "audio=default"),),
}


class StreamingError(Exception):
    """The session ended badly; the message is the service's sentence, or ours about the connection."""


def register(app: typer.Typer) -> None:
    app.command()(stream)


def stream(
    source: Annotated[
        str,
        typer.Argument(metavar="FILE|-|mic", help=_SOURCES),
    ],
    *,
    language: Annotated[str, typer.Option(help="ISO 639-1 code, or auto.")] = "auto",
    model: Annotated[str | None, typer.Option(help="By default the service's choice.")] = None,
    fast: Annotated[bool, typer.Option(help="Send a file as fast as the service takes it.")] = False,
    url: Annotated[str, typer.Option(envvar="HARK_URL", help="The running service.")] = DEFAULT_URL,
    api_key: Annotated[str | None, typer.Option(envvar="HARK_API_KEY", help="If the service asks for one.")] = None,
) -> None:
    """Print captions live: what is final stays, what may still change stands grey behind it."""
    query = {"language": language} | ({"model": model} if model else {})
    address = f"{url.rstrip('/').replace('http', 'ws', 1)}/v1/stream?{urlencode(query)}"
    try:
        asyncio.run(_caption(address, source, api_key=api_key, at_pace=not fast and source not in ("-", "mic")))
    except (StreamingError, OSError) as fault:
        print_fault(f"failed {fault}")
        raise typer.Exit(1) from fault
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


async def _caption(address: str, source: str, *, api_key: str | None, at_pace: bool) -> None:
    import websockets

    headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    captions = Captions()
    try:
        async with websockets.connect(address, proxy=None, additional_headers=headers) as socket:
            sending = asyncio.create_task(_send(socket, source, at_pace=at_pace))
            try:
                async for message in socket:
                    captions.show(json.loads(message))
            finally:
                sending.cancel()
                with contextlib.suppress(asyncio.CancelledError, websockets.ConnectionClosed):
                    await sending
    except websockets.WebSocketException as fault:
        raise StreamingError(f"the connection broke ({type(fault).__name__})") from fault
    finally:
        captions.close()


class Captions:
    """The current line: final words, and those that may change behind them. Without a terminal only final ones."""

    def __init__(self, console: Console | None = None) -> None:
        from rich.live import Live

        self._console = console or Console()
        self._line = ""
        self._live = Live(console=self._console, transient=True, refresh_per_second=20)
        if self._console.is_terminal:
            self._live.start()

    def show(self, message: dict[str, Any]) -> None:
        """Take a message of the service. Raises StreamingError for a fault."""
        if "error" in message:
            raise StreamingError(str(message["error"]))
        if "partial" not in message:
            return
        self._line = f"{self._line} {message['text']}".strip()
        if message.get("speech_final"):
            self._finish_line()
        if self._live.is_started:
            self._live.update(Text.assemble(self._line, " ", (message["partial"], "bright_black")))

    def close(self) -> None:
        self._finish_line()
        if self._live.is_started:
            self._live.update(Text(""))
            self._live.stop()

    def _finish_line(self) -> None:
        if self._line:
            self._console.print(Text(self._line), soft_wrap=True)
        self._line = ""


async def _send(socket: Any, source: str, *, at_pace: bool) -> None:
    started_s = time.monotonic()
    n_sent = 0
    async for frame in _frames(source):
        if frame:
            await socket.send(frame)
            n_sent += len(frame)
        ahead_s = n_sent / (2 * RATE_HZ) - (time.monotonic() - started_s)
        if at_pace and ahead_s > 0:
            await asyncio.sleep(ahead_s)
    await socket.send(json.dumps({"action": "stop"}))


async def _frames(source: str) -> AsyncIterator[bytes]:
    """Yield PCM, about a tenth of a second at a time."""
    if source == "-":
        while frame := await asyncio.to_thread(sys.stdin.buffer.read, _FRAME_BYTES):
            yield frame
        return
    pcm = _microphone() if source == "mic" else _pcm(source)
    while (frame := await asyncio.to_thread(next, pcm, None)) is not None:
        for start in range(0, len(frame), _FRAME_BYTES):
            yield frame[start : start + _FRAME_BYTES]


def _pcm(source: str, *, device: str | None = None) -> Iterator[bytes]:
    """Decode a recording here, so that the service gets what a microphone would give it."""
    import av

    resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE_HZ)
    try:
        with av.open(source, format=device) as container:
            for decoded in container.decode(audio=0):
                for frame in resampler.resample(decoded):
                    yield frame.to_ndarray().tobytes()
    except (av.FFmpegError, IndexError, ValueError) as fault:
        raise StreamingError(f"{source} cannot be read as audio") from fault


def _microphone() -> Iterator[bytes]:
    """Listen to the system's default microphone, by whichever of FFmpeg's devices is there."""
    for device, name in _MICROPHONES.get(sys.platform, ()):
        sound = _pcm(name, device=device)
        with contextlib.suppress(StreamingError):
            first = next(sound)
            return itertools.chain([first], sound)
    raise StreamingError("no microphone was found; pipe PCM into `hark stream -` instead")
