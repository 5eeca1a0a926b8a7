"""OpenVINO's pipeline in a process of its own; run by openvino_process.

Its step keeps Python's lock for as long as it computes: in the process that serves requests nothing else would move
meanwhile. Orders come as lines of JSON on standard input, what was written goes to standard output.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable, Mapping, Set
from typing import Any

from deployments.engines.cpu import cpu_flags
from deployments.engines.stepping import Stepper

# What all callers together advance by between two looks at who has gone away: under a second of two cores.
_BATCH_TOKENS = 128
_BATCH_TOKENS_SLOW = 24  # without integer dot products, where 128 at once are read hardly faster
_INTEGER_DOT_PRODUCTS = {"avx512_vnni", "avx_vnni", "amx_int8", "asimddp", "i8mm"}  # as Linux names them
_BLOCK_TOKENS = 32  # the granularity of the cache
# What is rounded to eight or sixteen bits is rounded otherwise by the kernels of one row than by those of many.
_FULL_PRECISION = {
    "INFERENCE_PRECISION_HINT": "f32",
    "KV_CACHE_PRECISION": "f32",
    "DYNAMIC_QUANTIZATION_GROUP_SIZE": 0,
}

News = dict[str, Any]
Tell = Callable[[News], None]


def main() -> None:
    """Serve orders until standard input ends, which it does when whoever gives them is gone."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no news
    writing = threading.Lock()

    def tell(news: News) -> None:
        with writing:
            out.write(json.dumps(news).encode() + b"\n")
            out.flush()

    step_tokens = batch_tokens(cpu_flags())
    pipeline = _pipeline(**json.loads(sys.argv[1]), step_tokens=step_tokens)
    _warm_up(pipeline)
    # The pipeline keeps what made a step fail, and would fail for everybody from then on.
    stepper = Stepper(pipeline.step, ahead=step_tokens, name="openvino", broken=lambda: os._exit(1))
    answers: dict[int, _Answer] = {}

    def tell_of(number: int) -> Tell:
        def tell_it(news: News) -> None:
            if "over" in news or "failed" in news:
                answers.pop(number, None)
            tell({"id": number, **news})

        return tell_it

    tell({"ready": True})
    for line in sys.stdin.buffer:
        order = json.loads(line)
        number = order["id"]
        if "cancel" not in order:
            answers[number] = _Answer(pipeline, order, tell_of(number))
            stepper.submit(answers[number])
        elif (answer := answers.get(number)) is not None:
            answer.gone.set()
    os._exit(0)  # the engine's threads are not waited for


def _pipeline(
    *, model: str, threads: int, parallel: int, cache_tokens: int, reproducible: bool, step_tokens: int
) -> Any:
    import openvino_genai

    scheduling = openvino_genai.SchedulerConfig()
    scheduling.max_num_seqs = parallel
    scheduling.max_num_batched_tokens = max(step_tokens, parallel)
    scheduling.num_kv_blocks = cache_tokens // _BLOCK_TOKENS + parallel  # each may leave a part of a block empty
    scheduling.enable_prefix_caching = True
    return openvino_genai.ContinuousBatchingPipeline(
        model,
        openvino_genai.Tokenizer(model),
        scheduling,
        "CPU",
        # Other models' threads are on these cores too: threads that are pinned to one would wait for it.
        INFERENCE_NUM_THREADS=threads,
        ENABLE_CPU_PINNING=False,
        **(_FULL_PRECISION if reproducible else {}),
    )


def _warm_up(pipeline: Any) -> None:
    """Take the first step, which takes seconds, while nobody waits who could go away."""
    order = {"prompt": [0] * 32, "max_tokens": 1, "temperature": 0, "end_tokens": [], "grammar": None}
    first = _Answer(pipeline, {"id": 0, "owner": "", **order}, lambda _: None)
    first.begin()  # what nobody holds is not answered
    while pipeline.has_non_finished_requests():
        pipeline.step()


def batch_tokens(cpu_flags: Set[str]) -> int:
    """Return how many tokens a step computes at most on a CPU with these flags."""
    return _BATCH_TOKENS if cpu_flags & _INTEGER_DOT_PRODUCTS else _BATCH_TOKENS_SLOW


class _Answer:
    """One answer in the engine; a Job of its thread."""

    def __init__(self, pipeline: Any, order: Mapping[str, Any], tell: Tell) -> None:
        self._pipeline = pipeline
        self._order = order
        self._tell = tell
        self._handle: Any = None
        self.gone = threading.Event()
        self.owner: str = order["owner"]
        self.unread = len(order["prompt"])

    def begin(self) -> None:
        import numpy as np
        import openvino

        prompt = openvino.Tensor(np.array([self._order["prompt"]], dtype=np.int64))
        self._handle = self._pipeline.add_request(self._order["id"], prompt, _generation(self._order))

    def advance(self) -> bool:
        from openvino_genai import GenerationStatus

        if self._handle is None:
            if self.gone.is_set():
                self._tell({"over": True})
            return self.gone.is_set()
        running = self._handle.get_status() == GenerationStatus.RUNNING
        if self.gone.is_set():
            if running:
                self._handle.cancel()  # the next step lets go of it
                return False
        else:
            self._read()
        if not running:
            self._tell({"over": True})
        return not running

    def fail(self, error: Exception) -> None:
        if self._handle is not None:
            self._handle.cancel()
        self._tell({"failed": type(error).__name__})  # its text may quote the prompt

    def _read(self) -> None:
        from openvino_genai import GenerationFinishReason

        reasons = {GenerationFinishReason.NONE: None, GenerationFinishReason.LENGTH: "length"}
        while self._handle.can_read():
            self.unread = 0
            (made,) = self._handle.read().values()
            self._tell({"tokens": list(made.generated_ids), "reason": reasons.get(made.finish_reason, "stop")})


def _generation(order: Mapping[str, Any]) -> Any:
    import openvino_genai

    generation = openvino_genai.GenerationConfig(
        max_new_tokens=order["max_tokens"],
        do_sample=order["temperature"] > 0,
        stop_token_ids=set(order["end_tokens"]),
        apply_chat_template=False,
    )
    if order["temperature"] > 0:
        generation.temperature = order["temperature"]
        generation.top_p = order["top_p"]
        generation.rng_seed = order["seed"]
    if order["grammar"] is not None:
        generation.structured_output_config = openvino_genai.StructuredOutputConfig(grammar=order["grammar"])
    return generation


if __name__ == "__main__":
    main()
