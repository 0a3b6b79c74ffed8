"""The remote engine against llama.cpp's own server, with the shipped model: the same turn as in process."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from enactor.errors import EnactorError
from enactor.models import EngineError, LlamaEngine, model_file
from enactor.models.remote import PRESETS, Endpoint, HttpEngine
from enactor.prompt import DIALECTS, render_prompt, step_messages, tool_call
from enactor.trace.values import Message, Step, ToolResult
from enactor.world import GameState, offers, openai_tools, turn_gbnf

pytestmark = [pytest.mark.model, pytest.mark.slow]

CONTEXT = 2048
ATE = Step(tool_call("send_command", {"command": "EAT tuna"}), ToolResult("ok", {}, "EAT Tuna"))
STATE = GameState.from_case({"health": [30, 35], "inventory": ["Tuna x3"], "location": [3180, 3288, 0]})


@pytest.fixture(scope="module")
def file() -> Path:
    try:
        return model_file("default")
    except EnactorError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def endpoint(file: Path) -> Iterator[Endpoint]:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(file)
    params.n_ctx, params.n_parallel, params.port = CONTEXT, 1, 0
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    params.use_jinja, params.warmup, params.verbosity, params.fit_params = True, False, -1, False
    server = xllamacpp.Server(params)
    yield Endpoint(PRESETS["llama-server"], "default", f"{server.listening_address}/v1")
    del server


@pytest.fixture
def engine(endpoint: Endpoint) -> Iterator[HttpEngine]:
    with HttpEngine(endpoint, tools=openai_tools()) as made:
        yield made


@pytest.fixture
def plain(endpoint: Endpoint) -> Iterator[HttpEngine]:
    """Without tools, so that a forced answer does not begin with reading their description."""
    with HttpEngine(endpoint) as made:
        yield made


@pytest.fixture(scope="module")
def embedded(file: Path) -> Iterator[LlamaEngine]:
    with LlamaEngine(file, threads=1, context=CONTEXT) as made:
        yield made


def prompt(message: str, history: tuple[Message, ...] = ()) -> str:
    return render_prompt(message, STATE, history, offered=offers().offer(message))


def test_http_llama_server_gives_the_embedded_engines_turn(engine: HttpEngine, embedded: LlamaEngine) -> None:
    earlier = (
        Message("user", "eat tuna"),
        *step_messages((ATE,)),
    )
    for asked in (prompt("kill 20 chickens"), prompt("now kill 20 cows", earlier), prompt("go east a bit")):
        there = engine.complete(asked, max_tokens=96)
        here = DIALECTS["hermes"].parse(embedded.complete(asked, max_tokens=96).text)
        assert here.calls
        assert there.calls is not None
        assert [(c.tool, c.parsed) for c in there.calls] == [(c.tool, c.parsed) for c in here.calls]
        assert there.prompt_tokens == len(embedded.tokenize(asked))


def test_http_llama_server_forces_by_grammar(plain: HttpEngine) -> None:
    made = plain.complete(prompt("thanks a lot"), grammar=turn_gbnf(), max_tokens=64)
    assert made.calls is None
    assert DIALECTS["hermes"].parse(made.text).calls


def test_http_llama_server_stops_at_once(plain: HttpEngine) -> None:
    heard: list[str] = []

    def two(text: str) -> bool:
        heard.append(text)
        return len(heard) == 2

    made = plain.complete(prompt("thanks a lot"), grammar='root ::= "la "+', on_text=two)
    assert made.cancelled
    assert made.text == "".join(heard).strip()
    assert not plain.complete(prompt("go east a bit"), max_tokens=64).cancelled


def test_http_llama_server_says_that_the_context_is_too_small(engine: HttpEngine) -> None:
    with pytest.raises(EngineError, match="context"):
        engine.complete(prompt("tuna " * 3000))
