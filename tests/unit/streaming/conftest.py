from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from memory_stores import MemoryStores
from socket_world import Halved, HearsOneWord, LoudIsSpeech, OneVoiceEach

from serve_app.admission.catalogue import ModelCatalogue, ModelEntry
from serve_app.api.services import ApiSettings, CallerServices
from serve_app.api.streaming.app import Route, SocketApp
from serve_app.api.streaming.services import SocketSettings, StreamServices
from serve_app.ports.speech import Clock
from serve_app.ports.streaming import Refiner, UnchangedRefiner
from serve_app.streaming.speakers import UtteranceVoices


@pytest.fixture
def recognizer() -> HearsOneWord:
    return HearsOneWord()


@pytest.fixture
def app(tmp_path: Path, recognizer: HearsOneWord) -> Callable[..., SocketApp]:
    def build(
        route: Route,
        *,
        open_to: Any = "everybody",
        refiner: Refiner | None = None,
        clock: Clock = time.monotonic,
        **settings: Any,
    ) -> SocketApp:
        shared = CallerServices(
            stores=MemoryStores(time.monotonic),
            catalogue=ModelCatalogue(
                models=(ModelEntry(id="base", name="Base"), ModelEntry(id="large-v3-turbo", name="T", available=False)),
                substitute="base",
            ),
            settings=ApiSettings(spool_dir=tmp_path, open_to=open_to),
            clock=clock,
        )
        return SocketApp(
            StreamServices(
                shared=shared,
                recognizers={"base": recognizer},
                open_listener=LoudIsSpeech,
                open_enhancer=Halved,
                voices=UtteranceVoices(OneVoiceEach()),  # type: ignore[arg-type]
                refiner=refiner or UnchangedRefiner(),
                settings=replace(SocketSettings(), **settings),
            ),
            route=route,
        )

    return build
