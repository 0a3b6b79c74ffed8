"""Turns and what each runtime makes of them, llama.cpp's own parser among them."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from export_rows import PLAYABLE, ROWS, row, send
from hypothesis import given, settings
from hypothesis import strategies as st

from enactor.cli import main
from enactor.curate.chain import run_recipe
from enactor.curate.conformance import (
    RUNTIMES,
    TEMPLATE,
    LlamaCpp,
    Ollama,
    Reading,
    Runtime,
    Strict,
    VllmStream,
    VllmWhole,
    check,
    expect,
    failing,
    matrix,
)
from enactor.curate.conformance.reading import reading
from enactor.curate.recipe import Counts, load_build_recipe
from enactor.curate.rows import write_rows
from enactor.errors import EnactorError
from enactor.prompt import CHAT_TEMPLATE, DIALECTS, chat_messages, render_row, render_turn, tool_call
from enactor.trace.values import Message
from enactor.world import TOOLS, openai_tools

STOP = '{"name": "send_command", "arguments": {"command": "STOP"}}'
STOPPED = reading("", [("send_command", {"command": "STOP"})])


def block(body: str) -> str:
    return f"<tool_call>\n{body}\n</tool_call>"


@pytest.fixture(scope="module")
def llama() -> Iterator[LlamaCpp]:
    with LlamaCpp(openai_tools()) as running:
        yield running


@pytest.fixture(scope="module")
def runtimes(llama: LlamaCpp) -> dict[str, Runtime]:
    found: tuple[Runtime, ...] = (Strict(), llama, VllmWhole(), VllmStream(), Ollama(TOOLS))
    return {runtime.name: runtime for runtime in found}


def test_every_row_survives_everywhere() -> None:
    tallies = check(made.messages() for made in PLAYABLE)
    assert tuple(tallies) == (TEMPLATE, *RUNTIMES)
    for tally in tallies.values():
        assert tally.whole, tally.lost
        assert tally.called == {True: len(PLAYABLE) - 1}
        assert tally.spoken == {True: 1}


def test_a_tag_in_an_argument_survives() -> None:
    """llama.cpp's engine decodes the arguments; the template writes `<` as training does, or the turn would
    end too early for those who look for the tag."""
    assert any("</tool_call>" in str(action.args) for action in ROWS[-1].say)
    tallies = check([ROWS[-1].messages()])
    assert [name for name, tally in tallies.items() if not tally.whole] == []


def test_a_turn_that_is_rendered_otherwise_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = CHAT_TEMPLATE.replace(r" | replace('<', '\\u003c')", "")
    assert plain != CHAT_TEMPLATE
    monkeypatch.setattr(matrix, "LlamaCpp", lambda tools: LlamaCpp(tools, plain))
    tallies = check([ROWS[-1].messages()])
    assert {name for name, tally in tallies.items() if not tally.whole} == {
        TEMPLATE, "enactor", "vllm", "vllm-stream",
    }  # fmt: skip
    assert dict(tallies[TEMPLATE].lost) == {"otherwise than trained": 1}


def test_who_reads_the_compact_dialect() -> None:
    """Ollama asks for no more than a name and an object; the others want Hermes' JSON."""
    tallies = check((made.messages() for made in ROWS), dialect="compact")
    assert {name for name, tally in tallies.items() if tally.whole} == {"enactor", "ollama"}
    for name in ("llama.cpp", "vllm", "vllm-stream"):
        assert tallies[name].called[True] == 0
        assert tallies[name].spoken[True] == 1


def test_the_template_writes_what_training_sees(llama: LlamaCpp) -> None:
    """llama.cpp's engine over the template, and our rendering of the trained turn."""
    for made in PLAYABLE:
        trained = [segment.text for segment in made.segments() if segment.train][-1]
        assert llama.turn(chat_messages(made.messages())) + "<|im_end|>" == trained


@pytest.mark.parametrize(
    ("turn", "survivors"),
    [
        # What every runtime takes.
        (block(STOP), set(RUNTIMES)),
        # The order of the keys and the line ends are a matter of taste to some.
        (
            block('{"arguments": {"command": "STOP"}, "name": "send_command"}'),
            {"vllm", "ollama"},
        ),
        (f"<tool_call>{STOP}</tool_call>", {"enactor", "vllm", "vllm-stream", "ollama"}),
        # Never closed: the stream and the lenient take it.
        (f"<tool_call>\n{STOP}\n", {"llama.cpp", "vllm", "vllm-stream", "ollama"}),
        # The blind eye of each.
        (f"```json\n{STOP}\n```", set()),
        (block('{"name": "send_command"}'), set()),
        (block('{"name": "send_command", "arguments": "{\\"command\\": \\"STOP\\"}"}'), {"ollama"}),
        (block('{"name": "send_command", "arguments": {"command": "STOP"}'), {"vllm-stream"}),
        (block('{"name": "send_command", "parameters": {"command": "STOP"}}'), {"ollama"}),
        (block("{'name': 'send_command', 'arguments': {'command': 'STOP'}}"), set()),
        ('<tool_call>send_command({"command": "STOP"})</tool_call>', {"ollama"}),
    ],
)
def test_what_each_takes_for_the_call(runtimes: dict[str, Runtime], turn: str, survivors: set[str]) -> None:
    assert {name for name, runtime in runtimes.items() if runtime.read(turn).same(STOPPED)} == survivors


def test_ollama_finds_names_by_substring() -> None:
    """A name inside the words of an argument is not taken for the call when another stands before it, and is
    when it comes first."""
    ollama = Ollama(("get_logs", "get_logs_all"))
    after = block('{"name": "get_logs_all", "arguments": {"text": "get_logs"}}')
    assert ollama.read(after).calls == (("get_logs_all", '{"text":"get_logs"}'),)
    before = block('{"arguments": {"text": "get_logs"}, "name": "get_logs_all"}')
    assert ollama.read(before).calls == (("get_logs", '{"text":"get_logs"}'),)
    # No arguments, no call, and none of those after it either.
    both = block('{"name": "get_logs"}') + "\n" + block('{"name": "get_logs_all", "arguments": {}}')
    assert ollama.read(both).calls == ()
    # An end that could be the beginning of the tag is held back, and lost.
    assert ollama.read("less <").text == "less "


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
CALLS = st.lists(
    st.tuples(st.sampled_from(sorted(TOOLS)), st.dictionaries(st.text(max_size=8), JSON, max_size=3)),
    min_size=1,
    max_size=3,
)


@settings(max_examples=60, deadline=None)
@given(CALLS)
def test_any_arguments_survive(
    runtimes: dict[str, Runtime], calls: list[tuple[str, dict[str, object]]]
) -> None:
    """What we render, all read, whatever stands in the arguments."""
    answer = Message("assistant", "", tuple(tool_call(name, arguments) for name, arguments in calls))
    turn = render_turn("", answer.tool_calls, DIALECTS["hermes"])
    for runtime in runtimes.values():
        got = runtime.read(turn)
        assert expect(answer).same(got), (runtime.name, turn, got)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            ["<tool_call>", "</tool_call>", "{", "}", '"', "\\", '"name": ', '"arguments": ', "STOP", "null",
             '"send_command"', ", ", "\n", "[", "]", "1", "<", "{}"]),
        max_size=14,
    )
    .map("".join)
)  # fmt: skip
def test_no_turn_breaks_a_reader(runtimes: dict[str, Runtime], turn: str) -> None:
    for runtime in runtimes.values():
        assert isinstance(runtime.read(turn), Reading)


@given(st.data())
def test_a_stream_reads_the_same_in_any_pieces(data: st.DataObject) -> None:
    turn = "Right.\n" + block(STOP) + "\n" + block('{"name": "get_game_state", "arguments": {}}')
    cuts = sorted(data.draw(st.lists(st.integers(0, len(turn)), max_size=12)))
    pieces = [turn[a:b] for a, b in zip([0, *cuts], [*cuts, len(turn)], strict=True)]
    whole = Ollama(TOOLS).read(turn)
    assert len(whole.calls) == 2
    assert Ollama(TOOLS).read_pieces(pieces) == whole
    assert VllmStream().read_pieces(pieces) == VllmStream().read(turn)


def test_a_model_s_template_decides_which_parser_runs() -> None:
    """With a template that knows no calls, llama.cpp reads the same turn as something else than a call."""
    bare = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    with LlamaCpp(
        openai_tools(), bare + "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    ) as other:
        assert not other.read(block(STOP)).same(STOPPED)


def test_no_rows_prove_nothing() -> None:
    assert not check([], ["enactor"])["enactor"].whole


def test_unknown_names_are_refused() -> None:
    with pytest.raises(EnactorError, match="no runtime lmstudio: choose among enactor"):
        check([], ["lmstudio"])
    with pytest.raises(EnactorError, match="no dialect x"):
        check([], dialect="x")


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = tmp_path / "rows.jsonl"
    write_rows(rows, [*ROWS[:4], row("kill moss wisps", send("KILL_LOOP moss_wisps none"))])
    assert main(["conformance", "--rows", str(rows), "--runtime", "llama.cpp,ollama", "--json"]) == 0
    matrix = json.loads(capsys.readouterr().out)["runtimes"]
    assert list(matrix) == [TEMPLATE, "llama.cpp", "ollama"]
    assert matrix["ollama"]["survived"] == 5
    assert main(["conformance", "--rows", str(rows), "--operands", "lowered", "--runtime", "enactor"]) == 0
    assert "left out, no lowered form: 1" in capsys.readouterr().out
    assert main(["conformance", "--rows", str(rows), "--dialect", "compact", "--runtime", "vllm"]) == 1
    captured = capsys.readouterr()
    assert "0/5" in captured.out
    assert "vllm: a call came back as text: 5" in captured.out
    assert "not every row survives vllm" in captured.err
    assert main(["conformance", "--rows", str(rows), "--json"]) == 0
    assert list(json.loads(capsys.readouterr().out)["runtimes"]) == [TEMPLATE, *RUNTIMES]
    assert main(["conformance", "--rows", str(rows), "--runtime", " , "]) == 1
    assert main(["conformance", "--rows", str(tmp_path / "no"), "--runtime", "vllm"]) == 1


def test_the_answer_is_one_of_the_trained_segments() -> None:
    """The matrix looks at the last turn; it is the one that training looks at."""
    for made in ROWS:
        assert [s.train for s in render_row(made.messages(), masked=())].count(True) >= 1
        assert [s.train for s in made.segments()].count(True) == 1


def test_a_recipe_names_its_runtimes(tmp_path: Path) -> None:
    counts = dict.fromkeys(("simple", "chat"), 2) | {
        name: 0 for name in Counts.model_fields if name not in ("simple", "chat")
    }
    changes = {"out": tmp_path, "counts": counts, "split": {}, "runtimes": ["llama.cpp", "ollama"]}
    manifest = run_recipe(load_build_recipe("small", changes))
    assert (
        manifest["conformance"]["ollama"]["survived"] == manifest["train"]["rows"] + manifest["test"]["rows"]
    )
    assert json.loads((tmp_path / "manifest.json").read_text("utf-8")) == manifest
    with pytest.raises(EnactorError, match=r"runtime 'lmstudio' is not one of enactor, llama.cpp"):
        load_build_recipe("small", {"runtimes": ["lmstudio"]})


def test_what_is_lost_is_said() -> None:
    tallies = check((made.messages() for made in ROWS), ["vllm"], dialect="compact")
    assert failing(tallies) == ["vllm (1 of 9: a call came back as text 8)"]
