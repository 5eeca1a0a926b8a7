"""vLLM as a language model: continuous batching on GPUs, and on CPUs to prove the engine."""

from __future__ import annotations

import itertools
import os
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import Any

from deployments.engine_thread import EngineThread
from deployments.engines.answering import (
    Answer,
    Places,
    answer_room,
    last_of,
    plain,
    plain_messages,
    tightened,
    until_deadline,
)
from serve_app.errors import InvalidRequest, ModelUnavailable
from serve_app.ports.language import ChatMessage, GenerateOptions, Generation, TextDelta

_QUIETLY = {
    "VLLM_NO_USAGE_STATS": "1",  # tells nobody about this installation
    "VLLM_LOGGING_LEVEL": "WARNING",  # prompts are in its finer logs
}
_CPU_CACHE_GIB = "1"


class VllmEngine:
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
                # llama.cpp's too, so that both engines take the same schemas.
                structured_outputs_config=StructuredOutputsConfig(backend="guidance"),
                generation_config="vllm",  # the caller's options count, not a repository's
                disable_log_stats=True,
            )
        )
        self._context_tokens: int = self._engine.model_config.max_model_len
        # vLLM shares out its cache by itself, and preempts where it runs short.
        self._places = Places(slots=parallel, tokens=None, max_queue=max_queue)
        self._numbers = itertools.count()

    async def context_tokens(self) -> int:
        return self._context_tokens

    async def count_tokens(self, texts: Sequence[str]) -> list[int]:
        def count(_: object) -> list[int]:
            return [len(self._tokenizer.encode(plain(text), add_special_tokens=False)) for text in texts]

        return await self._tokenizing.run(count)

    async def generate(self, messages: Sequence[ChatMessage], options: GenerateOptions) -> Generation:
        return await last_of(self.stream(messages, options))

    def stream(
        self, messages: Sequence[ChatMessage], options: GenerateOptions
    ) -> AsyncGenerator[TextDelta | Generation, None]:
        return until_deadline(self._answer(messages, options), deadline_s=options.deadline_s)

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

    async def _answer(
        self, messages: Sequence[ChatMessage], options: GenerateOptions
    ) -> AsyncGenerator[TextDelta | Generation, None]:
        chat = plain_messages(messages)
        prompt = await self._tokenizing.run(lambda _: self._prompt(chat))
        room = answer_room(len(prompt), context_tokens=self._context_tokens, max_tokens=options.max_tokens)
        place = await self._places.take(len(prompt) + room)
        answer = Answer(prompt_tokens=len(prompt), is_json=options.json_schema is not None)
        try:
            async with aclosing(self._outputs(prompt, options, room)) as outputs:
                async for output in outputs:
                    (piece,) = output.outputs
                    answer.completion_tokens += len(piece.token_ids)
                    if piece.finish_reason:
                        answer.finish_reason = "length" if piece.finish_reason == "length" else "stop"
                    if piece.text:
                        yield answer.add(piece.text)
        finally:
            self._places.give_back(place)
        yield answer.finished()

    async def _outputs(self, prompt: list[int], options: GenerateOptions, room: int) -> AsyncGenerator[Any, None]:
        """Yield the engine's outputs; closing aborts the request."""
        from vllm import TokensPrompt
        from vllm.exceptions import VLLMClientError
        from vllm.v1.engine.exceptions import EngineDeadError, EngineGenerateError

        request_id = f"{options.request_id or 'answer'}-{next(self._numbers)}"  # the engine's must differ
        try:
            sampling = _sampling(options, room)
            async with aclosing(
                self._engine.generate(TokensPrompt(prompt_token_ids=prompt), sampling, request_id)
            ) as outputs:
                async for output in outputs:
                    yield output
        except (EngineDeadError, EngineGenerateError) as error:
            raise ModelUnavailable("The language model failed; try again shortly.", retry_after_s=10) from error
        except (VLLMClientError, ValueError) as error:  # its sentence may quote the request
            if options.json_schema is None:
                raise InvalidRequest("The language model does not take this request.") from error
            raise InvalidRequest("The language model cannot keep to this JSON schema; use simpler keywords.") from error

    def _prompt(self, chat: list[dict[str, str]]) -> list[int]:
        text = self._tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
        tokens: list[int] = self._tokenizer.encode(text, add_special_tokens=False)
        return tokens


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
