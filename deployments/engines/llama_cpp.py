"""llama.cpp as a language model, through xllamacpp: GGUF weights on CPUs, many answers at once.

llama.cpp's own server does the batching. It runs in this process: answers come through callbacks, and its HTTP side,
which only counts tokens here, listens on a socket file in a directory that nobody else can enter.
"""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
import threading
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import aclosing
from pathlib import Path
from typing import Any

from deployments.engines.answering import AnsweringEngine, Piece, plain
from deployments.engines.places import Place, Places
from deployments.engines.schemas import tightened
from serve_app.errors import ContextTooLong, InternalError, InvalidRequest, ModelUnavailable, SpeechError
from serve_app.ports.language import GenerateOptions

# What all callers together advance by between two looks at who has gone away: a quarter of a second of two cores. It
# also bounds how long a new prompt holds up answers that are being written. Half as many make prompts a third dearer,
# twice as many no cheaper.
BATCH_TOKENS = 16
_QUIET = 1  # errors only: llama.cpp's log may quote prompts
_COUNT_TIMEOUT_S = 60.0

Request = dict[str, Any]
Chunk = dict[str, Any]


class LlamaCppEngine(AnsweringEngine[Request]):
    """Implements ports.LanguageModel. Belongs to one event loop; `close` ends it.

    Prompts and answers share a cache of `cache_tokens` tokens, of which one may use `context_tokens`.
    """

    def __init__(
        self,
        weights: Path,
        *,
        threads: int = 2,
        parallel: int = 8,
        context_tokens: int = 8192,
        cache_tokens: int = 32768,
        max_queue: int = 64,
    ) -> None:
        import httpx

        super().__init__(
            context_tokens=min(context_tokens, cache_tokens),
            places=Places(slots=parallel, tokens=cache_tokens, max_queue=max_queue),
        )
        self._directory = tempfile.TemporaryDirectory(prefix="hark-llama-")
        socket = str(Path(self._directory.name) / "llama.sock")
        self._server = _server(gguf_in(weights), socket, threads=threads, parallel=parallel, cache_tokens=cache_tokens)
        # A thread for each slot: each waits in the server while its answer is made.
        self._threads = ThreadPoolExecutor(max_workers=parallel, thread_name_prefix="llama")
        self._gone: set[threading.Event] = set()
        self._counter = httpx.AsyncClient(
            transport=httpx.AsyncHTTPTransport(uds=socket), base_url="http://llama", timeout=_COUNT_TIMEOUT_S
        )

    async def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(await self._tokens(plain(text), special=False)) if text else 0 for text in texts]

    @property
    def running(self) -> int:
        """How many answers the engine works on; one that was cancelled counts until the engine has let go of it."""
        return self._places.taken

    async def ping(self) -> None:
        """Return once the server has answered; raises when it does not."""
        (await self._counter.get("/health", timeout=10.0)).raise_for_status()

    async def close(self) -> None:
        """Stop every answer and unload the model."""
        for gone in list(self._gone):
            gone.set()
        await asyncio.to_thread(self._threads.shutdown, cancel_futures=True)
        await self._counter.aclose()
        del self._server  # its destructor waits for llama.cpp's main loop
        self._directory.cleanup()

    def _request(self, prompt: list[int], options: GenerateOptions, room: int) -> Request:
        return _request(prompt, options, room)

    async def _pieces(self, request: Request, place: Place) -> AsyncGenerator[Piece, None]:
        async with aclosing(self._chunks(request, place)) as chunks:
            async for chunk in chunks:
                yield _piece(chunk)

    async def _chunks(self, request: Request, place: Place) -> AsyncGenerator[Chunk, None]:
        """Yield what the server says until it has finished; closing makes it stop at its next step."""
        loop = asyncio.get_running_loop()
        said: asyncio.Queue[Chunk | None] = asyncio.Queue()  # an answer's few thousand pieces at most
        gone = threading.Event()
        self._gone.add(gone)

        def hear(chunk: Chunk) -> bool:
            loop.call_soon_threadsafe(said.put_nowait, chunk)
            return gone.is_set()

        def over(_: Future[None]) -> None:
            loop.call_soon_threadsafe(leave)

        def leave() -> None:
            self._gone.discard(gone)
            self._places.give_back(place)  # not before: until now the server was still at it
            said.put_nowait(None)

        work = self._threads.submit(self._converse, request, hear, gone)
        work.add_done_callback(over)
        try:
            while (chunk := await said.get()) is not None:
                yield chunk
            work.result()
        finally:
            gone.set()

    def _converse(self, request: Request, hear: Callable[[Chunk], bool], gone: threading.Event) -> None:
        if gone.is_set():
            return
        try:
            self._server.handle_completions(dict(request), hear)
        except (ValueError, RuntimeError) as error:  # a request it refuses before it has begun
            raise InvalidRequest("The language model does not take this request.") from error

    async def _prompt(self, chat: list[dict[str, str]]) -> list[int]:
        text = (await self._ask("/apply-template", {"messages": chat}))["prompt"]
        return await self._tokens(text, special=True)

    async def _tokens(self, text: str, *, special: bool) -> list[int]:
        found = await self._ask("/tokenize", {"content": text, "add_special": special, "parse_special": special})
        tokens: list[int] = found["tokens"]
        return tokens

    async def _ask(self, path: str, question: Mapping[str, Any]) -> dict[str, Any]:
        import httpx

        try:
            response = await self._counter.post(path, json=question)
            answer: dict[str, Any] = response.json()
        except (httpx.HTTPError, ValueError) as error:
            raise ModelUnavailable("The language model does not answer.", retry_after_s=5) from error
        if "error" in answer:
            raise _fault(answer["error"])
        return answer


def gguf_in(weights: Path) -> Path:
    """Return the one GGUF file of a weight set."""
    found = sorted(weights.glob("*.gguf"))
    if len(found) != 1:
        raise ModelUnavailable(f"The language model's weights {weights.name} hold {len(found)} GGUF files, not one.")
    return found[0]


def _server(gguf: Path, socket: str, *, threads: int, parallel: int, cache_tokens: int) -> Any:
    # Threads that wait for each other sleep: where recognizers share the cores, spinning costs several times the work.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # read when the library is loaded
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(gguf)
    params.hostnames = [socket]
    params.verbosity = _QUIET
    params.cpuparams.n_threads = threads
    params.cpuparams_batch.n_threads = threads
    params.n_parallel = parallel
    params.n_ctx = cache_tokens
    params.kv_unified = True  # a long prompt beside short answers, instead of equal shares
    params.n_batch = params.n_ubatch = BATCH_TOKENS
    params.ctx_shift = False  # an answer that outgrows the window ends; its prompt is not forgotten bit by bit
    params.cache_ram_mib = 0  # slots keep their last prompt; a second store beside them would only cost memory
    params.endpoint_slots = False
    params.ui = False
    try:
        return xllamacpp.Server(params)
    except RuntimeError as error:
        raise ModelUnavailable(f"llama.cpp cannot load {gguf.name}: {error}") from error


def _request(prompt: list[int], options: GenerateOptions, room: int) -> Request:
    request: Request = {
        "prompt": prompt,
        "max_tokens": room,
        "temperature": options.temperature,
        "top_p": options.top_p,
        "seed": -1 if options.seed is None else options.seed,
        "stream": True,
        "stream_options": {"include_usage": True},
        "return_progress": True,  # a prompt's progress is a chance to stop it
    }
    if options.json_schema is None:
        request["stop"] = list(options.stop)
    else:  # a stop string inside would break the JSON off
        request["grammar"] = schema_grammar(options.json_schema)
    return request


def schema_grammar(schema: Mapping[str, Any]) -> str:
    """Return the grammar of a schema; raises InvalidRequest when there is none.

    llama.cpp goes on without any grammar when it cannot read one, so it is read before by the library that both use.
    """
    import llguidance

    tight = json.dumps(tightened(schema))
    if llguidance.LLMatcher.validate_grammar(llguidance.LLMatcher.grammar_from_json_schema(tight)):
        raise InvalidRequest("The language model cannot keep to this JSON schema; use simpler keywords.")
    return f"%llguidance {{}}\nstart: %json {tight}"


def _piece(chunk: Chunk) -> Piece:
    if "error" in chunk:
        raise _fault(chunk["error"])
    tokens: int | None = (chunk.get("usage") or {}).get("completion_tokens")
    if not chunk.get("choices"):  # usage, which comes last
        return Piece(completion_tokens=tokens)
    (choice,) = chunk["choices"]
    reason = choice.get("finish_reason")
    return Piece(
        text=choice.get("text") or "",
        completion_tokens=tokens,
        finish_reason=None if not reason else "length" if reason == "length" else "stop",
    )


def _fault(error: Any) -> SpeechError:
    """Name what the server complains of, in words that do not quote the prompt."""
    kind = error.get("type", "") if isinstance(error, dict) else ""
    if kind == "exceed_context_size_error":
        return ContextTooLong("The prompt is longer than the language model's window.")
    if kind == "invalid_request_error":
        return InvalidRequest("The language model does not take this request.")
    return InternalError(f"The language model failed ({kind or 'unknown'}).")
