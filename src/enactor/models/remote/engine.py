"""A model behind an OpenAI-compatible chat endpoint, as an `Engine`."""

import threading
from collections.abc import Coroutine, Mapping, Sequence
from concurrent.futures import CancelledError, Future
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack

from enactor.models.engine import Completion, EngineError, EngineUnavailable, Options, Request
from enactor.models.remote.background import Background
from enactor.models.remote.endpoint import Endpoint
from enactor.models.remote.keys import find_key
from enactor.models.remote.patience import Patience
from enactor.models.remote.presets import split_name
from enactor.models.remote.reply import Reply
from enactor.models.remote.transcript import Chat, read_prompt
from enactor.prompt import DIALECTS, Dialect, system_with_tools
from enactor.prompt.render import TOOLS_HEAD

T = TypeVar("T")


class HttpEngine:
    """Completes rendered prompts by asking a chat endpoint: the prompt is read back into messages, `tools`
    (in OpenAI form) are offered with them, and the calls that come back are `Completion.calls`.

    Connection failures, 429 and 5xx are tried again (see `Patience`) as long as nothing of the answer was
    handed out; a completion returns once and whole, so no call of it is dispatched before, and none twice.
    `cancel` closes the connection, which makes the servers of `presets` stop decoding. Requests run side by
    side; how many decode at once is the server's affair.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        tools: Sequence[Mapping[str, Any]] = (),
        patience: Patience | None = None,
        dialect: Dialect = DIALECTS["hermes"],
    ) -> None:
        self.endpoint = endpoint
        self._tools = [dict(tool) for tool in tools]
        self._patience = patience or Patience()
        self._dialect = dialect
        self._lock = threading.Lock()
        self._active: set[Future[Any]] = set()
        self._background: Background | None = None
        self._client: Any = None  # an httpx.AsyncClient that belongs to the background's loop
        self._closed = False

    @property
    def name(self) -> str:
        return self.endpoint.name

    def complete(self, prompt: str, **options: Unpack[Options]) -> Completion:
        """See `Engine.complete`. A `grammar` forces a call in the server's own way (`Preset.forcing`); where
        it has none, the text is empty and nothing is sent. Raises `EngineUnavailable` when the server
        cannot be had, and `EngineError` when it refuses."""
        request = Request(prompt, **options)
        preset = self.endpoint.preset
        if request.grammar and preset.forcing == "none":
            return Completion("")
        body = self._body(request, read_prompt(prompt, self._dialect, signature=preset.signature))
        reply = Reply(request.on_text)
        under_way = self._submit(self._converse(body, reply))
        cancelled = False
        try:
            under_way.result()
        except CancelledError:
            cancelled = True
        except EngineError as error:
            raise error.with_traceback(None) from None  # the frames below hold what the server said, unhidden
        except BaseException:
            under_way.cancel()  # Ctrl-C while waiting
            raise
        return reply.completion(self._dialect, cancelled=cancelled)

    def models(self) -> tuple[str, ...]:
        """Names of the models that the server has, asked once. Raises as `complete`."""
        try:
            return self._submit(self._list()).result()
        except EngineError as error:
            raise error.with_traceback(None) from None

    def cancel(self) -> None:
        """See `Engine.cancel`. Takes effect at once, in whatever the request is waiting for."""
        with self._lock:
            for under_way in tuple(self._active):
                under_way.cancel()

    def close(self) -> None:
        """See `Engine.close`."""
        self.cancel()
        with self._lock:
            self._closed = True
            background, self._background = self._background, None
            client, self._client = self._client, None
        if background is not None:
            if client is not None:
                background.submit(client.aclose()).result()
            background.close()

    def _body(self, request: Request, chat: Chat) -> dict[str, Any]:
        preset = self.endpoint.preset
        if self._tools:
            chat = _plain(chat)
        body: dict[str, Any] = {
            "model": self.endpoint.model,
            "messages": chat,
            "stream": True,
            "stream_options": {"include_usage": True},
            "temperature": request.temperature,
            "max_tokens": max(request.max_tokens, preset.least_tokens),
        }
        if preset.seed:
            body["seed"] = request.seed
        if request.grammar and preset.forcing == "grammar":
            # llama-server takes a grammar or tools, not both; so the tools are described in words.
            body["grammar"] = request.grammar
            body["messages"] = _described(chat, self._tools)
        elif self._tools:
            body["tools"] = self._tools
            if request.grammar:
                body["tool_choice"] = "required"
        return body

    def _submit(self, work: Coroutine[Any, Any, T]) -> "Future[T]":
        with self._lock:
            if self._closed:
                work.close()
                raise EngineError(f"engine {self.name} is closed: load it again")
            if self._background is None:
                self._background = Background(f"engine {self.name}")
            under_way = self._background.submit(work)
            self._active.add(under_way)
            under_way.add_done_callback(self._active.discard)
            return under_way

    async def _list(self) -> tuple[str, ...]:
        import asyncio

        from enactor.models.remote.client import list_models, open_client
        from enactor.models.remote.refusals import TryAgain

        if self._client is None:
            self._client = open_client(self.endpoint, self._patience)
        try:
            async with asyncio.timeout(self._patience.whole):
                return await list_models(self._client, self.endpoint)
        except TryAgain as failure:
            raise failure.problem from None
        except TimeoutError:
            raise EngineUnavailable(f"{self.name} at {self.endpoint.url} did not answer in time") from None

    async def _converse(self, body: Mapping[str, Any], reply: Reply) -> None:
        """Ask until there is an answer or no sense in going on."""
        import asyncio

        from enactor.models.remote.client import ask, open_client
        from enactor.models.remote.refusals import TryAgain

        if self._client is None:
            self._client = open_client(self.endpoint, self._patience)
        try:
            async with asyncio.timeout(self._patience.whole):
                for tried in range(1, self._patience.tries + 1):
                    try:
                        return await ask(self._client, self.endpoint, body, reply)
                    except TryAgain as failure:
                        pause = self._patience.before_next(tried, failure.wanted)
                        if pause is None or reply.handed_out:
                            raise failure.problem from None
                    reply.begin()
                    await asyncio.sleep(pause)
        except TimeoutError:
            raise EngineUnavailable(
                f"{self.name} at {self.endpoint.url} took over {self._patience.whole:.0f} s: choose a "
                "smaller model, or a larger `engine_timeout`"
            ) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_remote(
    name: str,
    *,
    url: str | None = None,
    key_file: Path | None = None,
    timeout_s: float | None = None,
    tools: Sequence[Mapping[str, Any]] | None = None,
) -> HttpEngine:
    """The engine for a name such as `ollama:qwen2.5:14b`. Nothing is sent yet.

    `url` is used instead of the preset's, `key_file` instead of its variable. `timeout_s` bounds one
    completion with all its tries. `tools` are the world's where none are given. Raises `EngineError`.
    """
    from enactor.world import openai_tools

    preset, model = split_name(name)
    endpoint = Endpoint(preset, model, url or preset.url, find_key(preset, key_file))
    patience = Patience() if timeout_s is None else Patience(silence=min(120.0, timeout_s), whole=timeout_s)
    return HttpEngine(endpoint, tools=openai_tools() if tools is None else tools, patience=patience)


def _plain(chat: Chat) -> Chat:
    """The system turn without tools in words: the tools themselves go beside it."""
    if not chat or chat[0]["role"] != "system":
        return chat
    return [{"role": "system", "content": chat[0]["content"].partition(TOOLS_HEAD)[0]}, *chat[1:]]


def _described(chat: Chat, tools: Sequence[Mapping[str, Any]]) -> Chat:
    """The system turn with the tools in words."""
    if not tools or not chat or chat[0]["role"] != "system":
        return chat
    return [{"role": "system", "content": system_with_tools(tools, chat[0]["content"])}, *chat[1:]]
