"""llama.cpp in this process, through xllamacpp.

xllamacpp always opens llama.cpp's HTTP server too. It is bound to an ephemeral loopback port, without the
web pages, behind a random key that never leaves this object; the only thing asked over it is `/tokenize`,
which has no in-process call. Completions go through memory.
"""

import os
import secrets
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self, Unpack

from enactor.models.engine import Completion, EngineError, OnText, Options, PromptTooLong, Request
from enactor.models.gguf_file import check_gguf

BATCH = 256
"""Prompt tokens evaluated at once. A cancellation during a long prompt waits for one batch at most."""


class _Decoding:
    """One completion under way: collects chunks, and tells llama.cpp to stop when it is cancelled."""

    def __init__(self, on_text: OnText | None = None) -> None:
        self.on_text = on_text
        self.cancelled = threading.Event()
        self.started = time.perf_counter()
        self.first: float | None = None
        self.parts: list[str] = []
        self.tokens: list[tuple[str, float]] = []
        self.last: Mapping[str, Any] = {}
        self.finish: str | None = None
        self.error: Mapping[str, Any] | None = None

    def take(self, chunk: Mapping[str, Any]) -> bool:
        """Callback for each streamed chunk; True ends the stream."""
        if "error" in chunk:
            self.error = chunk["error"]
            return True
        self.last = chunk
        text = ""
        for choice in chunk.get("choices", ()):
            if "prompt_progress" not in chunk and self.first is None:
                self.first = time.perf_counter() - self.started
            if choice.get("text"):
                self.parts.append(choice["text"])
                text += choice["text"]
            for token in (choice.get("logprobs") or {}).get("content", ()):
                self.tokens.append((str(token["token"]), float(token["logprob"])))
            self.finish = choice.get("finish_reason") or self.finish
        if self.on_text is not None and (text or self.finish is None) and self.on_text(text):
            self.cancelled.set()
        return self.cancelled.is_set()

    def completion(self, logprobs: bool) -> Completion:
        usage = self.last.get("usage", {})
        seconds = time.perf_counter() - self.started
        return Completion(
            text="".join(self.parts),
            prompt_tokens=usage.get("prompt_tokens", 0),
            completion_tokens=usage.get("completion_tokens", len(self.parts)),
            seconds=seconds,
            logprob=sum(logprob for _, logprob in self.tokens) if logprobs else None,
            tokens=tuple(self.tokens),
            stopped=self.finish == "stop",
            cancelled=self.finish is None,
            cached_tokens=usage.get("prompt_tokens_details", {}).get("cached_tokens", 0),
            first_token_seconds=seconds if self.first is None else self.first,
        )


class LlamaEngine:
    """A GGUF model decoded by llama.cpp on this machine's CPU (or the GPU of an xllamacpp built for one).

    `slots` sequences decode in parallel, each with `context` tokens for prompt and completion together.
    `threads` defaults to one less than the CPUs this process may use: llama.cpp's threads wait for each other
    by spinning, and with every core taken a game client beside them makes decoding ten times slower
    (`benchmarks/engine.py`). The longest common prefix with the prompt that a
    slot saw last is not evaluated again; `warm` puts the system prefix into every slot beforehand.
    `logprobs` gives each sampled token's log-probability with it, which takes some 2 ms a token more.

    Greedy decoding (`temperature=0`) of one prompt gives one text on one machine with one slot. Raises
    `EngineError` when the model does not load.
    """

    def __init__(
        self,
        model_path: str | Path,
        *,
        slots: int = 1,
        threads: int | None = None,
        context: int = 2048,
        warm: str | None = None,
        logprobs: bool = True,
        name: str | None = None,
    ) -> None:
        if slots < 1 or context < 64:
            raise EngineError(f"slots={slots}, context={context}: at least 1 slot and 64 tokens are needed")
        path = Path(model_path)
        check_gguf(path)  # llama.cpp only says "failed", and crashes on some broken files
        self._name = name or path.stem
        self._slots = slots
        self._context = context
        self._logprobs = logprobs
        self._key = secrets.token_hex(16)
        self._active: set[_Decoding] = set()
        self._lock = threading.Condition()
        self._closed = False
        with _interrupted_later():
            self._server: Any = _start(path, slots, threads or max(1, _cpus() - 1), context, self._key)
            self.warm("\n")  # a server that is freed before its loop runs is waited for without end
        if warm:
            self.warm(warm)

    @property
    def name(self) -> str:
        return self._name

    @property
    def slots(self) -> int:
        """How many completions decode at the same time; more callers wait for a slot."""
        return self._slots

    def complete(self, prompt: str, **options: Unpack[Options]) -> Completion:
        """See `Engine.complete`. Special tokens in `prompt` (`<|im_start|>` ...) become structure: escape
        what people wrote first. Raises `EngineError` for an empty prompt, one longer than the context, a
        grammar that does not parse, and a closed engine."""
        request = Request(prompt, **options)
        body: dict[str, Any] = {
            "prompt": request.prompt,
            "n_predict": request.max_tokens,
            "temperature": request.temperature,
            "seed": request.seed,
            # Stated, so that a change of llama.cpp's defaults does not change results.
            "top_k": 40,
            "top_p": 0.95,
            "min_p": 0.05,
            "repeat_penalty": 1.0,
        }
        if request.grammar:
            body["grammar"] = request.grammar
        if self._logprobs:
            body["n_probs"] = 1
        return self._run(body, request.on_text)

    def warm(self, prefix: str) -> None:
        """Evaluate `prefix` in every slot, so that the first prompt that begins with it starts warm."""
        for slot in range(self._slots):
            self._run({"prompt": prefix, "n_predict": 1, "temperature": 0.0, "id_slot": slot})

    def _run(self, body: dict[str, Any], on_text: OnText | None = None) -> Completion:
        if not body["prompt"]:
            raise EngineError("the prompt is empty: nothing to complete")
        decoding = _Decoding(on_text)
        with self._lock:
            if self._closed:
                raise EngineError(f"engine {self._name} is closed: load it again")
            self._active.add(decoding)
        try:
            self._server.handle_completions(
                {
                    **body,
                    "stream": True,
                    "stream_options": {"include_usage": True},
                    "return_progress": True,
                    "cache_prompt": True,
                },
                decoding.take,
            )
        except RuntimeError as error:
            raise EngineError(f"engine {self._name} failed: {error}") from error
        finally:
            with self._lock:
                self._active.discard(decoding)
                self._lock.notify_all()
        if decoding.error is not None:
            raise self._explained(decoding.error)
        return decoding.completion(self._logprobs)

    def _explained(self, error: Mapping[str, Any]) -> EngineError:
        if error.get("type") == "exceed_context_size_error":
            return PromptTooLong(
                f"the prompt has {error.get('n_prompt_tokens', '?')} tokens and a slot of {self._name} holds "
                f"{self._context}: shorten the message or the history, or load it with a larger context"
            )
        return EngineError(f"engine {self._name} refused the request: {error.get('message', error)}")

    def cancel(self) -> None:
        """See `Engine.cancel`. Takes effect at the next token, or the next batch of a long prompt."""
        with self._lock:
            for decoding in self._active:
                decoding.cancelled.set()

    def tokenize(self, text: str, *, special: bool = True) -> list[int]:
        """Token ids of `text` as llama.cpp sees it, nothing added; `special` parses `<|im_start|>` ..."""
        import httpx

        if self._closed:
            raise EngineError(f"engine {self._name} is closed: load it again")
        answer = httpx.post(
            f"{self._server.listening_address}/tokenize",
            json={"content": text, "add_special": False, "parse_special": special},
            headers={"Authorization": f"Bearer {self._key}"},
            trust_env=False,  # a proxy of the environment must not see loopback
            timeout=30,
        )
        if answer.status_code != 200:
            raise EngineError(f"engine {self._name} could not tokenize: {answer.text[:200]}")
        return [int(token) for token in answer.json()["tokens"]]

    def close(self) -> None:
        """See `Engine.close`. Waits until the completions under way have returned."""
        with self._lock:
            self._closed = True
            for decoding in self._active:
                decoding.cancelled.set()
            self._lock.wait_for(lambda: not self._active)
            self._server = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@contextmanager
def _interrupted_later() -> Iterator[None]:
    """Ctrl-C inside takes effect at the end."""
    before = signal.getsignal(signal.SIGINT)
    if not callable(before) or threading.current_thread() is not threading.main_thread():
        yield
        return
    caught: list[tuple[int, FrameType | None]] = []
    signal.signal(signal.SIGINT, lambda number, frame: caught.append((number, frame)))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if caught:
        before(*caught[0])


def _cpus() -> int:
    """CPUs this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _start(path: Path, slots: int, threads: int, context: int, key: str) -> Any:
    try:
        import xllamacpp
    except ImportError as error:
        raise EngineError(
            f"xllamacpp does not load ({error}): install it again, `pip install --force-reinstall xllamacpp`"
        ) from error
    params = xllamacpp.CommonParams()
    params.model.path = str(path)
    params.n_ctx = context * slots
    params.n_parallel = slots
    params.n_batch = params.n_ubatch = BATCH
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    params.verbosity = -1  # silence: stderr belongs to the terminal
    params.fit_params = False  # it would change the context to what fits
    params.cache_ram_mib = 0  # the slots themselves are the prefix cache
    params.cache_idle_slots = False
    params.port = 0
    params.hostnames = ["127.0.0.1"]
    params.api_keys = [key]
    params.ui = params.endpoint_slots = params.endpoint_props = params.enable_chat_template = False
    try:
        return xllamacpp.Server(params)
    except RuntimeError as error:
        raise EngineError(
            f"llama.cpp could not load {path} ({error}): the file is for another architecture or version, or "
            f"memory is short; `enactor doctor` tells which"
        ) from error
