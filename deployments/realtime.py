"""Sockets as deployments of their own: a socket holds a request's slot for as long as it is open, so it would starve
plain HTTP, or be starved by it.

Each route is one application, because an application has one route prefix. The recognizers are those of the main one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import ray
from ray import serve

from configs.settings import AppSettings
from configs.storage import open_database
from deployments.access import database_keeper, open_to, token_verifier
from deployments.engine_thread import EngineThread
from deployments.engines.noise_gate import NoiseGate
from deployments.engines.silero import SileroNetwork
from deployments.engines.silero_stream import SileroStream
from deployments.logs import use_serve_log
from deployments.metrics import RayMeter
from deployments.remote import RemoteDiarizer, RemoteRecognizer
from deployments.remote_language import RemoteLanguageModel
from deployments.text_services import is_ready
from serve_app.audio.recording import Waveform
from serve_app.insights.refine import EditRefiner
from serve_app.ports.streaming import Enhancement, ListenedSound, OpenEnhancer, Refiner, UnchangedRefiner
from serve_app.streaming.speakers import UtteranceVoices

if TYPE_CHECKING:
    from ray.serve.deployment import Application

    from serve_app.api.streaming.app import Route, SocketApp
    from serve_app.ports.streaming import VoiceListener

MAIN_APP = "hark"  # whose recognizers are used
_LOOK_EVERY_S = 0.05  # Serve closes the listener a second after it has decided to stop a replica


class LocalListener:
    """Implements ports.VoiceListener; all streams of a process share one thread."""

    def __init__(self, stream: SileroStream, thread: EngineThread) -> None:
        self._stream = stream
        self._thread = thread

    async def listen(self, samples: Waveform) -> ListenedSound:
        return await self._thread.run(lambda _: self._stream.listen(samples))


class LocalEnhancer:
    """Implements ports.SoundEnhancer; all streams of a process share one thread."""

    def __init__(self, enhancement: Enhancement, thread: EngineThread) -> None:
        self._enhancement = enhancement
        self._thread = thread
        self._gate: NoiseGate | None = None

    async def enhance(self, samples: Waveform, *, last: bool = False) -> Waveform:
        return await self._thread.run(lambda _: self._enhance(samples, last=last))

    def _enhance(self, samples: Waveform, *, last: bool) -> Waveform:
        if self._gate is None:
            self._gate = NoiseGate(self._enhancement)  # imports for a second
        return self._gate.enhance(samples, last=last)


def local_enhancers() -> OpenEnhancer:
    thread = EngineThread()
    return lambda enhancement: LocalEnhancer(enhancement, thread)


def local_listeners() -> Callable[[], VoiceListener]:
    """Load the network once; return what opens a listener for a stream."""
    network, thread = SileroNetwork(), EngineThread()
    return lambda: LocalListener(SileroStream(network), thread)


def open_refiner(settings: AppSettings) -> Refiner:
    """Return what puts right what sessions with a context hear, by the profile's first language model.

    The model is asked only where its weights are: a session wakes one that rests, but fetches none.
    """
    name = next(iter(settings.language_models), None)
    if name is None:
        return UnchangedRefiner()
    model = RemoteLanguageModel(serve.get_deployment_handle(f"language-model-{name}", app_name=MAIN_APP))
    return EditRefiner(model, ready=lambda: is_ready(settings, name))


def bind_sockets(settings: AppSettings, *, route: Route) -> Application:
    """Bind the sockets of one dialect."""

    def socket_application() -> SocketApp:
        from serve_app.api.services import CallerServices
        from serve_app.api.streaming.app import SocketApp
        from serve_app.api.streaming.services import StreamServices

        use_serve_log()
        database_keeper(settings)()
        database = open_database(settings.database, settings.data_path(), patient=True)
        app = SocketApp(
            StreamServices(
                shared=CallerServices(
                    stores=database,
                    tokens=token_verifier(settings),
                    start=database.migrate,
                    catalogue=settings.catalogue(),
                    settings=settings.api_settings(open_to=open_to(settings)),
                    meter=RayMeter(),
                ),
                recognizers={
                    model: RemoteRecognizer(serve.get_deployment_handle(f"recognizer-{model}", app_name=MAIN_APP))
                    for model in settings.recognizers
                },
                open_listener=local_listeners(),
                open_enhancer=local_enhancers(),
                voices=UtteranceVoices(RemoteDiarizer(serve.get_deployment_handle("diarizer", app_name=MAIN_APP)))
                if settings.diarizer
                else None,
                refiner=open_refiner(settings),
                settings=settings.realtime.socket_settings(),
            ),
            route=route,
        )
        app.background = asyncio.get_running_loop().create_task(_drain_when_told(app))
        return app

    return serve.deployment(name=f"realtime-{route}")(serve.ingress(socket_application)()).bind()


async def _drain_when_told(app: SocketApp) -> None:
    """End the sessions once Serve wants the replica to stop: it waits for its requests, and sockets never end.

    Serve tells no application; its own flag is looked at. Where it is not found, sockets end with the replica.
    """
    actors = getattr(ray._private.worker.global_worker, "actors", {})
    while True:
        for actor in list(actors.values()):
            replica = getattr(actor, "_replica_impl", None)
            if getattr(replica, "_shutting_down", False):
                _keep_sockets(replica)
                app.drain()
                return
        await asyncio.sleep(_LOOK_EVERY_S)


def _keep_sockets(replica: Any) -> None:
    """Let the listener be, which Serve closes before it waits for what runs: uvicorn would close every open socket
    with it, before the last words were told. New sockets are refused by the application, and Serve closes the
    listener again once no session is left.
    """
    replica._stop_accepting_direct_ingress = lambda: None
