"""Every form, from rows to a file and back to equal calls."""

import json
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from export_rows import PLAYABLE, ROWS, STATE, openai_calls, row, said, send

from enactor.cli import main
from enactor.cli.export import FormName
from enactor.curate.export import FORMS, Unfit, export, from_row, state_header
from enactor.curate.rows import Row, write_rows
from enactor.errors import EnactorError
from enactor.prompt import CHAT_TEMPLATE, DIALECTS, SYSTEM, render_row
from enactor.trace.values import Message
from enactor.world import GameState

PAIRED = ("dpo", "kto")


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "train.jsonl"
    write_rows(path, ROWS)
    return path


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """A described call, a wrong one, and a turn that is no different from the right one."""
    wrong = (
        {"text": "I'll run <tool_call>KILL_LOOP", "calls": []},
        {"text": "", "calls": [{"tool": "send_command", "args": {"command": "EAT bones"}}]},
        {"text": "", "calls": [{"tool": "send_command", "args": {"command": "STOP"}}]},
    )
    chosen = (ROWS[0], ROWS[5], row("stop", send("STOP")))
    lines = [
        {"schema": 1, "reason": "described", "origin": "template", "row": r.to_json(), "rejected": w}
        for r, w in zip(chosen, wrong, strict=True)
    ]
    path = tmp_path / "pairs.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def answers(form: str, line: dict[str, Any]) -> list[tuple[str, Any]]:
    """The calls of the trained turn, read as the form's readers do."""
    match form:
        case "chatml":
            turn = line["text"].rsplit("<|im_start|>assistant\n", 1)[1].removesuffix("<|im_end|>\n")
            return [(c.tool, c.parsed) for c in DIALECTS["compact"].parse(turn).calls]
        case "hermes":
            turn = line["conversations"][-1]["value"]
            return [(c.tool, c.parsed) for c in DIALECTS["hermes"].parse(turn).calls]
        case "llamafactory":
            turn = line["conversations"][-1]
            if turn["from"] == "gpt":
                return []
            value = json.loads(turn["value"])
            return [(c["name"], c["arguments"]) for c in (value if isinstance(value, list) else [value])]
        case "axolotl" | "openai":
            return openai_calls(line["messages"][-1])
        case "dpo":
            return openai_calls(line["chosen"][0])
        case _:
            return openai_calls(line["completion"][0])


@pytest.mark.parametrize("form", [form for form in FORMS if form not in PAIRED])
def test_calls_come_back_equal(form: str, rows: Path, tmp_path: Path) -> None:
    done = export(form, [rows], tmp_path / "out", operands="said")["train.jsonl"]
    assert (done.examples, done.lines, dict(done.left_out)) == (len(ROWS), len(ROWS), {})
    written = lines(tmp_path / "out" / "train.jsonl")
    assert [answers(form, line) for line in written] == [said(made) for made in ROWS]
    manifest = json.loads((tmp_path / "out" / "export.json").read_text())
    assert manifest["form"] == form
    assert manifest["files"]["train.jsonl"] == {"examples": len(ROWS), "lines": len(ROWS), "left_out": {}}


@pytest.mark.parametrize("form", PAIRED)
def test_pairs_come_back_equal(form: str, pairs: Path, tmp_path: Path) -> None:
    done = export(form, [pairs], tmp_path / "out")["pairs.jsonl"]
    assert dict(done.left_out) == {"both turns are the same": 1}
    written = lines(tmp_path / "out" / "pairs.jsonl")
    if form == "kto":
        assert [line["label"] for line in written] == [True, False, True, False]
        good, bad = written[::2], [line["completion"][0] for line in written[1::2]]
    else:
        good, bad = written, [line["rejected"][0] for line in written]
    assert [answers(form, line) for line in good] == [said(ROWS[0]), said(ROWS[5])]
    assert bad[0]["content"] == "I'll run < tool_call>KILL_LOOP"  # inert, as rendering makes it
    assert openai_calls(bad[1]) == [("send_command", {"command": "EAT bones"})]


def test_the_plan_s_own_text() -> None:
    [line] = FORMS["chatml"].lines(from_row(ROWS[0], "lowered"), [])
    assert line["text"] == (
        f"<|im_start|>system\n{SYSTEM}<|im_end|>\n"
        "<|im_start|>user\n[State: loc=(3222,3218,0) hp=12/35 inv=4/28]\nkill 300 giant frogs<|im_end|>\n"
        '<|im_start|>assistant\n<tool_call>send_command({"command": "KILL_LOOP Giant_frog none 300"})'
        "</tool_call><|im_end|>\n"
    )


def test_operands_are_lowered_on_the_state_that_each_step_leaves() -> None:
    def commands(made: Row) -> list[str]:
        return [
            str(call.parsed["command"]) for call in from_row(made, "lowered").chosen.tool_calls if call.parsed
        ]

    plan = row("go north 10 then east 10", send("GOTO north 10"), send("GOTO east 10"))
    assert commands(plan) == ["GOTO 3222 3228 0", "GOTO 3232 3228 0"]
    # No bank stands here, so the simulator refuses the first step; the second means the same anywhere.
    assert commands(row("bank it", send("BANK_OPEN"), send("BANK_DEPOSIT_ALL")))[1] == "BANK_DEPOSIT_ALL"
    with pytest.raises(Unfit, match="hangs on one that fails"):
        from_row(row("bank, then east", send("BANK_OPEN"), send("GOTO east 10")), "lowered")
    with pytest.raises(Unfit, match="no lowered form"):
        from_row(row("kill moss wisps", send("KILL_LOOP moss_wisps none")), "lowered")
    # Earlier calls stand as the plugin got them.
    history = from_row(ROWS[5], "lowered").prompt
    earlier = next(m for m in history if m.tool_calls)
    assert [c.parsed for c in earlier.tool_calls] == [
        {"command": "EAT Tuna"},
        {"command": "GOTO 3222 3198 0"},
    ]
    assert all(from_row(made, "lowered") for made in PLAYABLE)


def test_the_state_header_says_what_is_known() -> None:
    assert state_header(GameState.from_case(STATE)) == "[State: loc=(3222,3218,0) hp=12/35 inv=4/28]"
    assert state_header(GameState()) == "[State: unknown]"
    assert state_header(GameState(client_running=False)) == "[State: client off]"


def test_only_the_answer_is_trained_on() -> None:
    for made in ROWS:
        example = from_row(made)
        [line] = FORMS["axolotl"].lines(example, [])
        assert [m["train"] for m in line["messages"]] == [False] * (len(example.messages) - 1) + [True]
        [line] = FORMS["openai"].lines(example, [])
        weights = [m["weight"] for m in line["messages"] if m["role"] == "assistant"]
        assert weights == [0] * (len(weights) - 1) + [1]
        [line] = FORMS["trl"].lines(example, [])
        assert len(line["completion"]) == 1


def test_results_name_their_calls() -> None:
    [line] = FORMS["openai"].lines(from_row(ROWS[5]), [])
    made = [c["id"] for m in line["messages"][:-1] for c in m.get("tool_calls", ())]
    answered = [m["tool_call_id"] for m in line["messages"] if m["role"] == "tool"]
    assert made == answered == ["call_1", "call_2"]


def test_hermes_text_is_what_is_trained() -> None:
    for made in ROWS:
        [line] = FORMS["hermes"].lines(from_row(made), [])
        trained = next(s.text for s in render_row(made.messages(), masked=())[::-1] if s.train)
        assert line["conversations"][-1]["value"] + "<|im_end|>" == trained


def test_llama_factory_gets_turn_about() -> None:
    for made in ROWS:
        [line] = FORMS["llamafactory"].lines(from_row(made), [])
        asking = [turn["from"] in ("human", "observation") for turn in line["conversations"]]
        assert asking == [index % 2 == 0 for index in range(len(asking))]
    example = from_row(ROWS[0])
    beside = type(example)(example.prompt, Message("assistant", "Sure.", example.chosen.tool_calls))
    with pytest.raises(Unfit, match="text beside calls"):
        list(FORMS["llamafactory"].lines(beside, []))


def test_axolotl_gets_its_configuration(rows: Path, tmp_path: Path) -> None:
    export("axolotl", [rows], tmp_path / "out")
    config = yaml.safe_load((tmp_path / "out" / "axolotl.yaml").read_text(encoding="utf-8"))
    assert config["chat_template_jinja"] == CHAT_TEMPLATE
    assert config["datasets"][0]["path"] == "train.jsonl"


def test_tools_are_described_where_asked(rows: Path, tmp_path: Path) -> None:
    export("openai", [rows], tmp_path / "with")
    export("openai", [rows], tmp_path / "without", tools=False)
    assert "send_command" in str(lines(tmp_path / "with" / "train.jsonl")[0]["tools"])
    assert "tools" not in lines(tmp_path / "without" / "train.jsonl")[0]


def test_bad_input_is_refused_and_nothing_is_left(rows: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(EnactorError, match="takes preference pairs"):
        export("dpo", [rows], out)
    with pytest.raises(EnactorError, match="no form x: choose among chatml"):
        export("x", [rows], out)
    with pytest.raises(EnactorError, match="own export"):
        export("trl", [rows], rows.parent)
    with pytest.raises(EnactorError, match="one name"):
        export("trl", [rows, tmp_path / "other" / "train.jsonl"], out)
    with pytest.raises(EnactorError, match="no rows at"):
        export("trl", [tmp_path / "absent.jsonl"], out)
    torn = tmp_path / "torn.jsonl"
    torn.write_text(rows.read_text(encoding="utf-8")[:-20], encoding="utf-8")
    with pytest.raises(EnactorError, match=r"torn.jsonl:9: neither a row"):
        export("trl", [torn], out)
    torn.write_bytes(b"\xff\xfe{}\n")
    with pytest.raises(EnactorError, match="not UTF-8"):
        export("trl", [torn], out)
    assert not list(out.glob("*"))


def test_the_command_offers_every_form() -> None:
    assert get_args(FormName) == tuple(FORMS)


def test_the_command(rows: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(tmp_path / "out")
    write_rows(rows, [*ROWS, row("kill moss wisps", send("KILL_LOOP moss_wisps none"))])
    assert main(["export", "--form", "chatml", "--in", str(rows), "--out", out]) == 0
    printed = capsys.readouterr().out
    assert "train.jsonl: 9 lines from 10 examples" in printed
    assert "left out, no lowered form: 1" in printed
    assert main(["export", "--form", "nope", "--in", str(rows), "--out", out]) == 2
