"""OpenVINO as a language model, through its GenAI library: continuous batching and kept prefixes on CPUs."""

from __future__ import annotations

import asyncio
import itertools
import re
import secrets
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deployments.engine_thread import EngineThread
from deployments.engines.answering import AnsweringEngine, Piece, plain
from deployments.engines.json_grammar import json_grammar
from deployments.engines.openvino_process import OpenVinoProcess
from deployments.engines.places import Place, Places
from deployments.engines.token_text import TokenText
from serve_app.errors import ModelUnavailable
from serve_app.ports.language import FinishReason, GenerateOptions

_END_TOKENS = (b"<|im_end|>", b"<|endoftext|>")  # a model may end with another one than its file names
_CONTROL_TOKEN = re.compile(rb"<\|[^<>|\s]{1,64}\|>|\[PAD\d+\]")

News = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    order: Mapping[str, Any]
    stop: tuple[str, ...]


class OpenVinoEngine(AnsweringEngine[Request]):
    """Implements ports.LanguageModel. Belongs to one event loop; `close` ends it.

    `model` is a directory of an OpenVINO model and tokenizer. Prompts and answers share a cache of `cache_tokens`
    tokens, of which one may use `context_tokens`. `reproducible`: an answer at temperature 0 does not depend on the
    others that are written with it.
    """

    def __init__(
        self,
        model: Path,
        *,
        threads: int = 2,
        parallel: int = 8,
        context_tokens: int = 8192,
        cache_tokens: int = 32768,
        max_queue: int = 64,
        reproducible: bool = False,
    ) -> None:
        import openvino_genai

        super().__init__(
            context_tokens=min(context_tokens, cache_tokens),
            places=Places(slots=parallel, tokens=cache_tokens, max_queue=max_queue),
        )
        self._process = OpenVinoProcess(
            model=str(model),
            threads=threads,
            parallel=parallel,
            cache_tokens=cache_tokens,
            reproducible=reproducible,
        )
        self._tokenizer: Any = openvino_genai.Tokenizer(model)
        self._tokenizing = EngineThread()
        numbers: dict[bytes, int] = self._tokenizer.get_vocab()
        self._vocabulary = _vocabulary(numbers)
        ends = {self._tokenizer.get_eos_token_id(), *(numbers[name] for name in _END_TOKENS if name in numbers)}
        self._end_tokens = sorted(ends)
        self._numbers = itertools.count()

    async def count_tokens(self, texts: Sequence[str]) -> list[int]:
        def count(_: object) -> list[int]:
            return [len(self._encoded(plain(text))) if text else 0 for text in texts]

        return await self._tokenizing.run(count)

    @property
    def running(self) -> int:
        """How many answers the engine works on; one that was cancelled counts until the engine has let go of it."""
        return self._places.taken

    async def ping(self) -> None:
        """Return when the engine's process lives; raises when it does not."""
        if not self._process.alive:
            raise ModelUnavailable("The language model's process has ended.", retry_after_s=5)

    async def close(self) -> None:
        """Stop every answer and unload the model."""
        await asyncio.to_thread(self._process.close)

    async def _prompt(self, chat: list[dict[str, str]]) -> list[int]:
        def encode(_: object) -> list[int]:
            return self._encoded(self._tokenizer.apply_chat_template(chat, add_generation_prompt=True))

        return await self._tokenizing.run(encode)

    def _encoded(self, text: str) -> list[int]:
        tokens: list[int] = self._tokenizer.encode(text, add_special_tokens=False).input_ids.data[0].tolist()
        return tokens

    def _request(self, prompt: list[int], options: GenerateOptions, room: int) -> Request:
        schema = options.json_schema
        order = {
            "owner": options.request_id,
            "prompt": prompt,
            "max_tokens": room,
            "temperature": options.temperature,
            "top_p": options.top_p,
            "seed": secrets.randbits(31) if options.seed is None else options.seed % 2**31,
            "end_tokens": self._end_tokens,
            "grammar": None if schema is None else json_grammar(schema),
        }
        # A stop string inside would break the JSON off.
        return Request(order=order, stop=options.stop if schema is None else ())

    async def _pieces(self, request: Request, place: Place) -> AsyncGenerator[Piece, None]:
        loop = asyncio.get_running_loop()
        said: asyncio.Queue[News] = asyncio.Queue()  # an answer's few thousand pieces at most
        number = next(self._numbers)

        def take(news: News) -> None:
            if "tokens" not in news:
                self._places.give_back(place)  # not before: until now the engine was still at it
            said.put_nowait(news)

        def hear(news: News) -> None:
            with suppress(RuntimeError):  # the loop is closed, and nobody listens any more
                loop.call_soon_threadsafe(take, news)

        text = TokenText(self._vocabulary, request.stop)
        written, ended = 0, False
        self._process.order(number, request.order, hear)
        try:
            while "tokens" in (news := await said.get()):
                written += len(news["tokens"])
                told = text.add(news["tokens"])
                ended = news["reason"] is not None
                reason: FinishReason | None = "stop" if text.stopped else news["reason"]
                if reason:
                    yield Piece(text=told + text.end(), completion_tokens=written, finish_reason=reason)
                    return
                yield Piece(text=told, completion_tokens=written)
            ended = True
            if "failed" in news:
                raise ModelUnavailable("The language model failed; try again shortly.", retry_after_s=5)
        finally:
            if not ended:
                self._process.cancel(number)


def _vocabulary(numbers: Mapping[bytes, int]) -> list[bytes]:
    """Return the bytes of each token, none for those that control."""
    found = {number: token for token, number in numbers.items()}
    tokens = (found.get(number, b"") for number in range(max(found) + 1))
    return [b"" if _CONTROL_TOKEN.fullmatch(token) else token for token in tokens]
