"""llama.cpp's own template engine and call parser, in this process, without weights.

A chat request whose last message is an assistant's is continued by the server: that message stands in the
prompt and before what the parser reads. The model behind it (`tiny.py`) ends the turn at once, so the
answer is llama.cpp's reading of our text and of nothing else, under the same grammar and format that a real
answer would be read with.
"""

import json
import secrets
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from enactor.curate.conformance.reading import Reading, reading
from enactor.curate.conformance.tiny import write_tiny
from enactor.errors import EnactorError
from enactor.prompt import CHAT_TEMPLATE, END

CONTEXT = 16384
_ANSWER = "<|im_start|>assistant\n"
_AFTER = {"role": "user", "content": "."}
_ENDING = f"{END}\n<|im_start|>user\n.{END}\n"


class LlamaCpp:
    """A server of llama.cpp with `template`, offering `tools` (OpenAI form). To be closed, or used in `with`.

    Raises EnactorError when llama.cpp does not start.
    """

    name = "llama.cpp"

    def __init__(self, tools: Sequence[Mapping[str, Any]], template: str = CHAT_TEMPLATE) -> None:
        import httpx

        self._tools = list(tools)
        self._folder = tempfile.TemporaryDirectory(prefix="enactor-conformance-")
        path = Path(self._folder.name) / "tiny.gguf"
        write_tiny(path, template, CONTEXT)
        key = secrets.token_hex(16)
        self._server: Any = _start(path, key)
        self._http = httpx.Client(
            base_url=self._server.listening_address,
            headers={"Authorization": f"Bearer {key}"},
            trust_env=False,  # a proxy of the environment must not see loopback
            timeout=60,
        )

    def render(self, messages: Sequence[Mapping[str, Any]]) -> str:
        """The conversation (OpenAI form) as the template writes it."""
        answer = self._http.post("/apply-template", json={"messages": list(messages), "tools": self._tools})
        if answer.status_code != 200:
            raise EnactorError(f"llama.cpp cannot render a row with the template: {answer.text[:200]}")
        return str(answer.json()["prompt"])

    def turn(self, messages: Sequence[Mapping[str, Any]]) -> str:
        """The last message, an assistant's, as the template writes it, without `<|im_end|>`. A turn of the
        player is put after it: the server would continue an assistant's turn at the end."""
        whole = self.render([*messages, _AFTER])
        return whole.rsplit(_ANSWER, 2)[1].removesuffix(_ENDING)

    def read(self, turn: str) -> Reading:
        """See `Runtime.read`."""
        body = {
            "messages": [_AFTER, {"role": "assistant", "content": turn}],
            "tools": self._tools,
            "parallel_tool_calls": True,
            "temperature": 0,
            "max_tokens": 1,
            "verbose": True,
        }
        try:
            answer = self._server.handle_chat_completions(body)
        except RuntimeError as error:  # its parser refused the text
            return Reading(turn, problem=str(error))
        if "choices" not in answer:
            return Reading(turn, problem=str(answer.get("error", answer))[:200])
        if answer["__verbose"]["content"]:
            return Reading(turn, problem="its grammar does not let the turn end here")
        message = answer["choices"][0]["message"]
        return _answered(message)

    def close(self) -> None:
        """Stop the server and remove its file."""
        self._http.close()
        self._server = None
        self._folder.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _answered(message: Mapping[str, Any]) -> Reading:
    calls = []
    for call in message.get("tool_calls") or ():
        try:
            calls.append((call["function"]["name"], json.loads(call["function"]["arguments"])))
        except ValueError as error:
            return Reading(str(message.get("content")), problem=f"arguments: {error}")
    return reading(message.get("content") or "", calls)


def _start(path: Path, key: str) -> Any:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(path)
    params.n_ctx, params.n_parallel = CONTEXT, 1
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    params.verbosity = -1  # silence: stderr belongs to the terminal
    params.use_jinja, params.warmup, params.fit_params = True, False, False
    params.cache_ram_mib, params.ui = 0, False
    params.port, params.hostnames, params.api_keys = 0, ["127.0.0.1"], [key]
    try:
        return xllamacpp.Server(params)
    except RuntimeError as error:
        raise EnactorError(
            f"llama.cpp does not start ({error}): install it again, `pip install --force-reinstall xllamacpp`"
        ) from error
