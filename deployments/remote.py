"""Deployment handles as ports, and Ray's failures as SpeechErrors: the only place that knows both."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from functools import partial, wraps
from typing import Any, ParamSpec, TypeVar

import numpy as np
import numpy.typing as npt
import ray
from ray import ObjectRef
from ray.exceptions import RayActorError, RayError, RayTaskError
from ray.serve.exceptions import BackPressureError, RayServeException
from ray.serve.handle import DeploymentHandle

from deployments.engines.stated_length import stated_duration_s
from deployments.tracing import traced
from serve_app.audio.plan import Chunk
from serve_app.audio.recording import Recording, Span, Waveform
from serve_app.errors import InternalError, ModelQueueFull, ModelUnavailable, ReplicaLost, SpeechError
from serve_app.pipeline.again import PersistentTranscriber
from serve_app.pipeline.fan_out import RetrySettings
from serve_app.pipeline.shedding import Backlog
from serve_app.ports.speech import (
    DecodedBlock,
    MediaFile,
    Progress,
    Recognition,
    RecognizeOptions,
    SpeakerBounds,
    SpeakerWindows,
    TranscribeEvent,
    TranscribeOptions,
)
from serve_app.transcript.model import SpeakerTurns, Transcript

Params = ParamSpec("Params")
Result = TypeVar("Result")

FETCH_TIMEOUT_S = 60.0  # samples come from this cluster's object store


class RaySampleStore:
    """Keeps samples in Ray's object store, owned by the process that puts them."""

    def put(self, samples: Waveform) -> object:
        return ray.put(samples)


async def resolved(recording: Recording) -> Recording:
    """Return the recording with its samples at hand, without a copy where they lie on this node."""
    async with asyncio.timeout(FETCH_TIMEOUT_S):
        samples = await asyncio.gather(*(_value(block.samples) for block in recording.blocks))
    blocks = tuple(replace(b, samples=s) for b, s in zip(recording.blocks, samples, strict=True))
    return Recording(blocks=blocks)


async def _value(samples: object) -> object:
    return await samples if isinstance(samples, ObjectRef) else samples


def speech_errors(call: Callable[Params, Awaitable[Result]]) -> Callable[Params, Awaitable[Result]]:
    """Let only SpeechErrors out of a deployment's method; the rest is the deployment's own fault."""

    @wraps(call)
    async def wrapped(*args: Params.args, **kwargs: Params.kwargs) -> Result:
        try:
            return await call(*args, **kwargs)
        except SpeechError:
            raise
        except Exception as error:
            raise translated(error) from error

    return wrapped


def translated(error: BaseException) -> SpeechError:
    """Name a failure in the product's own terms."""
    if isinstance(error, RayTaskError) and isinstance(error.cause, Exception):
        return translated(error.cause)  # before SpeechError: Ray raises a mixture of both, made up on the spot
    if isinstance(error, SpeechError):
        # A loss further behind: the call was tried again there, and the replica that tells of it lives.
        lost = isinstance(error, ReplicaLost)
        return ModelUnavailable(error.message, retry_after_s=error.retry_after_s) if lost else error
    if isinstance(error, RayActorError):
        kind = type(error).__name__
        return ReplicaLost(f"A replica of a model was lost ({kind}); try again shortly.", retry_after_s=2)
    if isinstance(error, BackPressureError):
        return ModelQueueFull("The queue in front of the model is full; try again shortly.", retry_after_s=2)
    if isinstance(error, RayServeException | RayError | TimeoutError | ConnectionError):
        kind = type(error).__name__
        return ModelUnavailable(f"A model deployment is not available ({kind}); try again shortly.", retry_after_s=5)
    return InternalError(f"A model failed ({type(error).__name__}).")


def _passing_references(handle: DeploymentHandle[Any]) -> Any:
    """Return a handle whose calls may carry ObjectRefs.

    Serve's gRPC transport pickles arguments out of Ray's sight, and an object whose reference travels so is pinned
    for as long as its owner lives: every recording would stay in the object store for ever.
    """
    return handle.options(_by_reference=True)


async def answer_of(response: Any) -> Any:
    try:
        return await response
    except asyncio.CancelledError:
        response.cancel()
        raise
    except Exception as error:
        raise translated(error) from error


async def answers_of(handle_method: Any, *args: Any) -> AsyncGenerator[Any]:
    responses = handle_method.remote(*args)
    try:
        async for response in responses:
            yield response
    except (asyncio.CancelledError, GeneratorExit):
        responses.cancel()
        raise
    except Exception as error:
        raise translated(error) from error


class RemoteDecoder:
    """Implements ports.MediaDecoder."""

    def __init__(self, handle: DeploymentHandle[Any]) -> None:
        self._decode = handle.options(stream=True).decode

    def decode(self, source: MediaFile) -> AsyncGenerator[DecodedBlock]:
        return answers_of(self._decode, source)


class RemoteDetector:
    """Implements ports.VoiceDetector."""

    def __init__(self, handle: DeploymentHandle[Any]) -> None:
        self._handle = _passing_references(handle)

    async def speech_probabilities(self, recording: Recording, span: Span) -> npt.NDArray[np.float32]:
        with traced("listen", audio_s=span.duration_s):
            found: npt.NDArray[np.float32] = await answer_of(self._handle.speech_probabilities.remote(recording, span))
        return found


class RemoteRecognizer:
    """Implements ports.Recognizer and ports.LanguageIdentifier."""

    def __init__(self, handle: DeploymentHandle[Any]) -> None:
        self._handle = _passing_references(handle)

    async def recognize(self, recording: Recording, chunk: Chunk, options: RecognizeOptions) -> Recognition:
        with traced("chunk", start_s=chunk.spans[0].start_s, audio_s=chunk.duration_s, retry=options.retry):
            heard: Recognition = await answer_of(self._handle.recognize.remote(recording, chunk, options))
        return heard

    async def identify(self, recording: Recording, chunk: Chunk, candidates: Sequence[str]) -> dict[str, float]:
        with traced("identify", audio_s=chunk.duration_s):
            found: dict[str, float] = await answer_of(self._handle.identify.remote(recording, chunk, tuple(candidates)))
        return found


class RemoteDiarizer:
    """Implements ports.Diarizer. Linking, which takes a whole file's voices, has their references."""

    def __init__(self, handle: DeploymentHandle[Any]) -> None:
        self._handle = _passing_references(handle)

    async def speaker_windows(self, recording: Recording, span: Span, *, duration_s: float) -> SpeakerWindows:
        with traced("voices", start_s=span.start_s, audio_s=span.duration_s):
            found: SpeakerWindows = await answer_of(self._handle.speaker_windows.remote(recording, span, duration_s))
        return found

    async def link_speakers(
        self, windows: Sequence[SpeakerWindows], *, duration_s: float, bounds: SpeakerBounds
    ) -> SpeakerTurns:
        boxed = [ray.put(list(windows))]
        with traced("link", windows=len(windows)):
            turns: SpeakerTurns = await answer_of(self._handle.link_speakers.remote(boxed, duration_s, bounds))
        return turns


class RemoteTranscriber:
    """Implements ports.Transcriber, on another replica of the coordinator when one is lost.

    Refuses at once what would wait for too long, before any work is done for it.
    """

    def __init__(self, handle: DeploymentHandle[Any], backlog: Backlog) -> None:
        transcribe = handle.options(stream=True).transcribe
        self._transcriber = PersistentTranscriber(partial(answers_of, transcribe), RetrySettings())
        self._backlog = backlog

    async def transcribe(self, source: MediaFile, options: TranscribeOptions) -> AsyncGenerator[TranscribeEvent]:
        with self._backlog.admitted(options.account, deadline_s=options.deadline_s) as request:
            stated_s = await asyncio.to_thread(stated_duration_s, source.path)
            if stated_s:
                request.learned(Progress(stage="decoding", done=0.0, audio_s=stated_s))
            async with aclosing(self._transcriber.transcribe(source, options)) as events:
                async for event in events:
                    if isinstance(event, Progress):
                        request.learned(event)
                    elif isinstance(event, Transcript):
                        request.finished()
                    yield event


def remote_ports(
    *,
    media: DeploymentHandle[Any],
    detector: DeploymentHandle[Any],
    recognizers: Mapping[str, DeploymentHandle[Any]],
    diarizer: DeploymentHandle[Any] | None,
) -> dict[str, Any]:
    """Return the ports that a pipeline over deployments is made with, by the names of its parameters."""
    remote = {model: RemoteRecognizer(handle) for model, handle in recognizers.items()}
    return {
        "decoder": RemoteDecoder(media),
        "detector": RemoteDetector(detector),
        "recognizers": remote,
        "identifiers": remote,
        "diarizer": RemoteDiarizer(diarizer) if diarizer else None,
        "store": RaySampleStore(),
    }
