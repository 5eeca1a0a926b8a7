"""`hark transcribe`: recordings to transcripts through a running service, or one started for the call."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain, count, groupby
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from serve_app.adapters import weights
from serve_app.cli.client import Answer, Format, Request, TranscriptionError, open_client, transcribe_file
from serve_app.cli.models import DEFAULT_PROFILE, pull_profile
from serve_app.cli.service import ServiceError, answers, started_service

DEFAULT_URL = "http://127.0.0.1:8000"
AT_ONCE = 2  # a second recording is sent while the first is worked on


def register(app: typer.Typer) -> None:
    app.command()(transcribe)


def transcribe(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Audio or video files.")],
    *,
    output_format: Annotated[Format, typer.Option("-f", "--format", help="Of the transcript.")] = "txt",
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Write files into this directory.")] = None,
    model: Annotated[str | None, typer.Option(help="By default the service's choice.")] = None,
    language: Annotated[str | None, typer.Option(help="ISO 639-1 code; by default it is detected.")] = None,
    diarize: Annotated[bool, typer.Option(help="Tell speakers apart.")] = True,
    speakers: Annotated[int, typer.Option(min=0, help="How many speakers there are; 0: find out.")] = 0,
    url: Annotated[str, typer.Option(envvar="HARK_URL", help="The service; started if nobody listens.")] = DEFAULT_URL,
    api_key: Annotated[str | None, typer.Option(envvar="HARK_API_KEY", help="If the service asks for one.")] = None,
) -> None:
    """Write down recordings, with speakers. Several are sent two at a time; what fails is told at the end."""
    request = Request(format=output_format, model=model, language=language, diarize=diarize, speakers=speakers)
    console = Console(stderr=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a kill, too, must stop a service started here
    try:
        if output is not None:
            output.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as stack:
            base_url = _find_or_start(url.rstrip("/"), stack, console)
            failures = asyncio.run(
                _transcribe_all(files, request, base_url=base_url, api_key=api_key, output=output, console=console)
            )
    except (ServiceError, OSError) as fault:
        _tell(console, "[red]failed[/]  ", [str(fault)])
        raise typer.Exit(1) from fault
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    _tell(console, "[red]failed[/]  ", failures)
    if failures:
        raise typer.Exit(1)


def _find_or_start(url: str, stack: contextlib.ExitStack, console: Console) -> str:
    """Return the URL of a ready service; one started here stops when `stack` closes."""
    with console.status(f"looking for the service at {url}"):
        if answers(url):
            return url
    profile = os.environ.get("HARK_PROFILE", DEFAULT_PROFILE)
    if not pull_profile(profile, data_dir=weights.default_data_dir()):
        raise ServiceError("Without its weights the service cannot start.")
    with console.status("starting a service for this call"):
        return stack.enter_context(started_service())


async def _transcribe_all(
    files: Sequence[Path],
    request: Request,
    *,
    base_url: str,
    api_key: str | None,
    output: Path | None,
    console: Console,
) -> list[str]:
    """Transcribe every file, deliver transcripts in the order of the files, and return what failed."""
    failures = []
    names = output_names(files, request.format)
    slots = asyncio.Semaphore(AT_ONCE)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        async with open_client(base_url, api_key=api_key) as client, asyncio.TaskGroup() as group:
            runs = [group.create_task(_settled(client, path, request, slots, bars)) for path in files]
            for path, name, run in zip(files, names, runs, strict=True):
                outcome = await run
                if isinstance(outcome, Answer) and (text := _laid_out(outcome, request.format)) is not None:
                    _tell(console, "[yellow]note[/]    ", (f"{path}: {warning}" for warning in outcome.warnings))
                    if output is None:
                        _print(text, path, bars, with_header=len(files) > 1)
                    else:
                        _write(output / name, text)
                        _tell(console, "[green]written[/] ", [str(output / name)])
                else:
                    reason = f"the service sent no {request.format}" if isinstance(outcome, Answer) else outcome
                    failures.append(f"{path}: {reason}")
    return failures


async def _settled(
    client: httpx.AsyncClient, path: Path, request: Request, slots: asyncio.Semaphore, bars: Progress
) -> Answer | TranscriptionError:
    """Return the fault instead of raising it, so that the other recordings go on."""
    name = escape(path.name)

    def show(stage: str, done: float) -> None:
        bars.update(row, completed=done, description=f"{name}  {escape(stage)}")

    async with slots:
        row = bars.add_task(name, total=1.0)
        try:
            return await transcribe_file(client, path, request, on_progress=show)
        except TranscriptionError as fault:
            return fault
        finally:
            bars.remove_task(row)


def _tell(console: Console, mark: str, lines: Iterable[str]) -> None:
    for line in lines:
        console.print(mark + escape(line), highlight=False, soft_wrap=True)


def _print(text: str, path: Path, bars: Progress, *, with_header: bool) -> None:
    bars.stop()  # a live display would draw over the transcript
    typer.echo((f"== {path} ==\n" if with_header else "") + _lines(text), nl=False)
    bars.start()


def _laid_out(answer: Answer, output_format: Format) -> str | None:
    """Return the transcript as asked for; None where the service did not render it."""
    if output_format == "json":
        return json.dumps(answer.transcript, ensure_ascii=False, indent=2)
    if output_format == "txt":
        return text_by_turns(answer.transcript)
    return None if answer.rendered is None else answer.rendered.rstrip("\n")


def text_by_turns(transcript: dict[str, Any]) -> str:
    """Return `[00:00:12] Speaker 1: text` lines, one a turn; without speakers one a segment."""
    segments = transcript["segments"]
    if not transcript.get("speakers"):
        return "\n".join(f"{_clock(segment['start'])} {segment['text'].strip()}" for segment in segments)
    lines = []
    for speaker, turn in groupby(segments, key=lambda segment: segment.get("speaker")):
        parts = list(turn)
        text = " ".join(part["text"].strip() for part in parts)
        lines.append(f"{_clock(parts[0]['start'])} {speaker or 'Unknown'}: {text}")
    return "\n".join(lines)


def _clock(seconds: float) -> str:
    minutes, whole_s = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"[{hours:02}:{minutes:02}:{whole_s:02}]"


def output_names(files: Sequence[Path], extension: str) -> list[str]:
    """Return a file name for each transcript; no two are the same, however alike the recordings are called."""
    stems = Counter(path.stem for path in files)
    names: list[str] = []
    for path in files:
        name = path.stem if stems[path.stem] == 1 else path.name
        candidates = (f"{name}{suffix}.{extension}" for suffix in chain([""], (f"-{n}" for n in count(2))))
        names.append(next(candidate for candidate in candidates if candidate not in names))
    return names


def _lines(text: str) -> str:
    return text + "\n" if text else ""


def _write(path: Path, text: str) -> None:
    """Write a transcript so that nobody ever sees half of it."""
    growing = path.with_name(f".{path.name}.growing")
    growing.write_text(_lines(text), encoding="utf-8")
    growing.replace(path)
