"""What the sockets need from the rest of the service."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from serve_app.api.services import CallerServices
from serve_app.api.streaming.session import SessionSettings
from serve_app.ports.speech import Recognizer
from serve_app.ports.streaming import OpenEnhancer, OpenListener, Refiner, UnchangedRefiner
from serve_app.streaming.settings import StreamSettings
from serve_app.streaming.speakers import UtteranceVoices


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketSettings:
    """Bounds of the sockets of one replica."""

    max_sessions: int = 32
    start_s: float = 30.0  # a client that says nothing for so long after connecting is let go
    idle_s: float = 120.0  # and one that sends nothing for so long later
    longest_s: float = 14_000.0  # a session that lasts so long ends as if the service stopped
    slow_reader_s: float = 20.0  # a message that cannot be delivered for so long ends the session
    outbox: int = 256  # messages that wait for a slow reader; partial ones are dropped long before
    refine_s: float = 4.0  # after its first final, an utterance's canonical text is the one that it has by then
    cover_s: float = 10.0  # credits and minutes are asked for in steps of so much audio
    session: SessionSettings = field(default_factory=SessionSettings)
    stream: StreamSettings = field(default_factory=StreamSettings)


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamServices:
    """Everything a socket calls."""

    shared: CallerServices
    recognizers: Mapping[str, Recognizer]  # by model
    open_listener: OpenListener
    open_enhancer: OpenEnhancer
    voices: UtteranceVoices | None  # None: nobody tells speakers apart here
    refiner: Refiner = field(default_factory=UnchangedRefiner)
    settings: SocketSettings = field(default_factory=SocketSettings)
