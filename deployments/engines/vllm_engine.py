"""vLLM as a language model: continuous batching on GPUs, and on CPUs to prove the engine."""

from __future__ import annotations

import itertools
import os
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from deployments.engine_thread import EngineThread
from deployments.engines.answering import AnsweringEngine, Piece, plain
from deployments.engines.places import Place, Places
from deployments.engines.schemas import tightened
from serve_app.errors import InvalidRequest, ModelUnavailable
from serve_app.ports.language import GenerateOptions

_QUIETLY = {
    "VLLM_NO_USAGE_STATS": "1",  # tells nobody about this installation
    "VLLM_LOGGING_LEVEL": "WARNING",  # prompts are in its finer logs
}
_CPU_CACHE_GIB = "1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    prompt: list[int]
    sampling: Any
    request_id: str
    has_schema: bool


class VllmEngine(AnsweringEngine[Request]):
    """Implements ports.LanguageModel. Belongs to one event loop; `close` ends it.

    `model` is a directory with a tokenizer, a configuration and safetensors, or a repository on the model hub.
    """

    def __init__(
        self,
        model: Path | str,
        *,
        revision: str | None = None,
        context_tokens: int = 8192,
        parallel: int = 32,
        max_queue: int = 256,
        gpu_memory_share: float = 0.3,
    ) -> None:
        for name, value in _QUIETLY.items():
            os.environ.setdefault(name, value)
        os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", _CPU_CACHE_GIB)  # without meaning on GPUs
        from transformers import AutoTokenizer
        from vllm import AsyncEngineArgs
        from vllm.config import StructuredOutputsConfig
        from vllm.platforms import current_platform
        from vllm.v1.engine.async_llm import AsyncLLM

        self._tokenizer: Any = AutoTokenizer.from_pretrained(str(model), revision=revision)
        self._tokenizing = EngineThread()  # a tokenizer takes one call at a time
        self._engine = AsyncLLM.from_engine_args(
            AsyncEngineArgs(
                model=str(model),
                revision=revision,
                max_model_len=context_tokens,
                max_num_seqs=parallel,
                gpu_memory_utilization=gpu_memory_share,
                enable_prefix_caching=True,
                enforce_eager=current_platform.is_cpu(),  # compiling for CPUs takes longer than what tests generate
                # Takes more keywords than others, and refuses those that it does not keep to.
                structured_outputs_config=StructuredOutputsConfig(backend="guidance"),
                generation_config="vllm",  # the caller's options count, not a repository's
                disable_log_stats=True,
            )
        )
        super().__init__(
            context_tokens=self._engine.model_config.max_model_len,
            # vLLM shares out its cache by itself, and preempts where it runs short.
            places=Places(slots=parallel, tokens=None, max_queue=max_queue),
        )
        self._numbers = itertools.count()

    async def count_tokens(self, texts: Sequence[str]) -> list[int]:
        def count(_: object) -> list[int]:
            return [len(self._tokenizer.encode(plain(text), add_special_tokens=False)) for text in texts]

        return await self._tokenizing.run(count)

    @property
    def running(self) -> int:
        """How many answers the engine works on, or is about to stop working on."""
        return int(self._engine.output_processor.get_num_unfinished_requests())

    async def ping(self) -> None:
        """Return when the engine's process lives; raises when it does not."""
        await self._engine.check_health()

    async def close(self) -> None:
        """End the engine's process."""
        self._engine.shutdown()

    async def _prompt(self, chat: list[dict[str, str]]) -> list[int]:
        def encode(_: object) -> list[int]:
            text = self._tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
            tokens: list[int] = self._tokenizer.encode(text, add_special_tokens=False)
            return tokens

        return await self._tokenizing.run(encode)

    def _request(self, prompt: list[int], options: GenerateOptions, room: int) -> Request:
        has_schema = options.json_schema is not None
        try:
            sampling = _sampling(options, room)
        except ValueError as error:
            raise _refusal(has_schema=has_schema) from error
        request_id = f"{options.request_id or 'answer'}-{next(self._numbers)}"  # the engine's must differ
        return Request(prompt=prompt, sampling=sampling, request_id=request_id, has_schema=has_schema)

    async def _pieces(self, request: Request, place: Place) -> AsyncGenerator[Piece, None]:
        written = 0
        try:
            async with aclosing(self._outputs(request)) as outputs:
                async for output in outputs:
                    (piece,) = output.outputs
                    written += len(piece.token_ids)
                    reason = piece.finish_reason
                    yield Piece(
                        text=piece.text,
                        completion_tokens=written,
                        finish_reason=None if not reason else "length" if reason == "length" else "stop",
                    )
        finally:
            self._places.give_back(place)

    async def _outputs(self, request: Request) -> AsyncGenerator[Any, None]:
        """Yield the engine's outputs; closing aborts the request."""
        from vllm import TokensPrompt
        from vllm.exceptions import VLLMClientError
        from vllm.v1.engine.exceptions import EngineDeadError, EngineGenerateError

        prompt = TokensPrompt(prompt_token_ids=request.prompt)
        try:
            async with aclosing(self._engine.generate(prompt, request.sampling, request.request_id)) as outputs:
                async for output in outputs:
                    yield output
        except (EngineDeadError, EngineGenerateError) as error:
            raise ModelUnavailable("The language model failed; try again shortly.", retry_after_s=10) from error
        except (VLLMClientError, ValueError) as error:
            raise _refusal(has_schema=request.has_schema) from error


def _refusal(*, has_schema: bool) -> InvalidRequest:
    """Name what the engine does not take; its own sentence may quote the request."""
    if has_schema:
        return InvalidRequest("The language model cannot keep to this JSON schema; use simpler keywords.")
    return InvalidRequest("The language model does not take this request.")


def _sampling(options: GenerateOptions, room: int) -> Any:
    from vllm import SamplingParams
    from vllm.sampling_params import RequestOutputKind, StructuredOutputsParams

    sampling = partial(
        SamplingParams,
        max_tokens=room,
        temperature=options.temperature,
        top_p=options.top_p,
        seed=options.seed,
        output_kind=RequestOutputKind.DELTA,
    )
    if options.json_schema is None:
        return sampling(stop=list(options.stop))
    # A stop string inside would break the JSON off.
    return sampling(structured_outputs=StructuredOutputsParams(json=tightened(options.json_schema)))
