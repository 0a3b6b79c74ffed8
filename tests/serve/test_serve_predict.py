"""Predictions: the form of the file, bad cases, order, and what history looks like to the model."""

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enactor.errors import EnactorError
from enactor.models import Completion, ScriptedEngine
from enactor.models.engine import EngineError
from enactor.serve.cases import read_requests
from enactor.serve.predict import Predictor, predict_file

STATE = {"location": [3222, 3218, 0], "health": [30, 35], "inventory": ["Tuna", "Coins x150"]}
KEYS = {"id", "calls", "reply", "outcome", "latency_ms", "prompt_tokens", "completion_tokens"}


def turn(*lines: str) -> str:
    calls = [{"name": "send_command", "arguments": {"command": line}} for line in lines]
    return "\n".join(f"<tool_call>\n{json.dumps(call)}\n</tool_call>" for call in calls)


def run(
    tmp_path: Path, cases: list[Any], answer: Callable[[str], str] | list[str], slots: int = 1
) -> tuple[list[dict[str, Any]], dict[str, Any], ScriptedEngine]:
    source, out = tmp_path / "cases.jsonl", tmp_path / "out.jsonl"
    lines = [case if isinstance(case, bytes) else json.dumps(case).encode() for case in cases]
    source.write_bytes(b"\n".join(lines) + b"\n")
    engine = ScriptedEngine(answer)
    summary = predict_file(Predictor(engine), source, out, slots=slots)
    return [json.loads(line) for line in out.read_text().splitlines()], summary, engine


def test_a_prediction_has_the_lowered_calls_in_order(tmp_path: Path) -> None:
    case = {"id": "a", "message": "go 20 east then tell me my hp", "history": [], "state": STATE}
    read = '<tool_call>\n{"name": "get_game_state", "arguments": {"fields": ["health"]}}\n</tool_call>'
    (made,), summary, _ = run(tmp_path, [case], [turn("GOTO east 20") + "\n" + read])
    assert set(made) == KEYS | {"first_dispatch_ms"}
    assert made["calls"] == [
        {
            "tool": "send_command",
            "args": {"command": "GOTO 3242 3218 0"},
            "origin": "raw",
            "status": "ok",
        },
        {"tool": "get_game_state", "args": {"fields": ["health"]}, "origin": "raw", "status": "ok"},
    ]
    assert (made["id"], made["outcome"]) == ("a", "executed")
    assert "30/35" in made["reply"]
    assert 0 < made["first_dispatch_ms"] <= made["latency_ms"]
    assert summary["cases"] == summary["first_dispatch_ms"]["n"] == 1
    assert summary["peak_rss_mb"] > 10


def test_a_read_counts_as_the_first_dispatch(tmp_path: Path) -> None:
    read = '<tool_call>\n{"name": "get_game_state", "arguments": {"fields": ["health"]}}\n</tool_call>'
    (made,), _, _ = run(tmp_path, [{"id": 1, "message": "hp?"}], [read])
    assert 0 < made["first_dispatch_ms"] <= made["latency_ms"]


def test_talk_and_questions_have_no_dispatch(tmp_path: Path) -> None:
    made, _, _ = run(tmp_path, [{"id": 1, "message": "hi"}, {"id": 2, "message": "DROP_ALL"}], ["Hello!"])
    assert [(p["outcome"], p["first_dispatch_ms"]) for p in made] == [("answered", None), ("asked", None)]
    assert made[1]["calls"][0]["status"] == "needs_confirmation"
    assert made[1]["calls"][0]["origin"] == "direct"


def test_every_case_starts_in_its_own_state(tmp_path: Path) -> None:
    cases = [
        {"id": n, "message": "GOTO east 10", "state": {**STATE, "location": [3222 + n, 3218, 0]}}
        for n in range(3)
    ]
    made, _, _ = run(tmp_path, cases, [])
    assert [p["calls"][0]["args"]["command"] for p in made] == [f"GOTO {3232 + n} 3218 0" for n in range(3)]


BAD = [
    (b"not json", None, "not JSON"),
    (b"[1]", None, "not an object but list"),
    (b'{"id": "x"}', "x", "message is missing"),
    (b'{"id": "x", "message": 3}', "x", "message: "),
    (b'{"id": "x", "message": "hi", "state": {"health": [1]}}', "x", "state.health: "),
    (b'{"id": "x", "message": "hi", "state": {"location": "here"}}', "x", "state.location: "),
    (b'{"id": "x", "message": "hi", "state": {"skills": {"attack": "high"}}}', "x", "state.skills.attack"),
    (b'{"id": "x", "message": "hi", "history": [{"role": "king"}]}', "x", "history.0.role: "),
    (b'{"id": "x", "message": "hi", "history": "none"}', "x", "history: "),
    (b"\xff\xfe", None, "not UTF-8"),
    (b"[" * 100_000, None, "not JSON"),
]


@pytest.mark.parametrize(("line", "identity", "reason"), BAD)
def test_a_bad_case_is_a_failed_prediction(
    line: bytes, identity: str | None, reason: str, tmp_path: Path
) -> None:
    made, summary, _ = run(tmp_path, [{"id": "good", "message": "stop"}, line], [])
    assert [p["id"] for p in made] == ["good", identity]
    assert made[1]["outcome"] == "failed"
    assert made[1]["line"] == 2
    assert reason in made[1]["error"]
    assert set(made[1]) >= KEYS
    assert summary["unread"] == 1


def test_blank_lines_are_no_cases(tmp_path: Path) -> None:
    made, _, _ = run(tmp_path, [b"", {"id": 1, "message": "stop"}, b"  "], [])
    assert len(made) == 1


@given(st.lists(st.binary(max_size=60), max_size=8))
def test_no_line_is_lost_whatever_it_holds(lines: list[bytes]) -> None:
    lines = [line.replace(b"\n", b" ") for line in lines]
    blank = sum(not line.strip(b" \t\r\n\xef\xbb\xbf") for line in lines)
    assert len(list(read_requests(lines))) == len(lines) - blank


def test_history_is_shown_with_its_calls_and_results(tmp_path: Path) -> None:
    history = [
        {"role": "user", "content": "kill frogs"},
        {
            "role": "assistant",
            "content": "On it.",
            "tool_calls": [{"tool": "send_command", "args": {"command": "KILL_LOOP Frog none 5"}}],
        },
        {"role": "user", "content": "thanks"},
        {"role": "assistant", "content": "Any time."},
    ]
    _, _, engine = run(tmp_path, [{"id": 1, "message": "more", "history": history, "state": STATE}], ["Ok."])
    assert (
        "<|im_start|>user\nkill frogs<|im_end|>\n<|im_start|>assistant\n<tool_call>\n"
        '{"name": "send_command", "arguments": {"command": "KILL_LOOP Frog none 5"}}\n</tool_call>'
        "<|im_end|>\n"
        '<|im_start|>user\n<tool_response>\n{"status": "ok", "command": "KILL_LOOP Frog none 5"}\n'
        "</tool_response><|im_end|>\n<|im_start|>user\nthanks<|im_end|>\n"
        "<|im_start|>assistant\nAny time.<|im_end|>\n<|im_start|>user\n[hp 30/35 | inv 2/28: Tuna, Coins x150"
    ) in engine.prompts[0]


def test_order_holds_with_slots(tmp_path: Path) -> None:
    def slow_first(prompt: str) -> str:
        if "number 0" in prompt:
            time.sleep(0.2)
        return "Ok."

    cases = [{"id": n, "message": f"number {n}"} for n in range(6)]
    made, summary, _ = run(tmp_path, cases, slow_first, slots=3)
    assert [p["id"] for p in made] == list(range(6))
    assert summary["slots"] == 3


def test_an_engine_that_fails_on_one_case_fails_that_case(tmp_path: Path) -> None:
    def answer(prompt: str) -> str:
        if "long" in prompt:
            raise EngineError("the prompt has 9000 tokens")
        return "Ok."

    made, _, _ = run(tmp_path, [{"id": 1, "message": "long"}, {"id": 2, "message": "hi"}], answer)
    assert made[0]["error"] == "the prompt has 9000 tokens"
    assert made[1]["outcome"] == "answered"


def test_an_earlier_file_is_replaced_whole(tmp_path: Path) -> None:
    (tmp_path / "out.jsonl").write_text("old\n" * 100)
    made, _, _ = run(tmp_path, [{"id": 1, "message": "stop"}], [])
    assert len(made) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cases.jsonl", "out.jsonl"]


def test_a_folder_that_is_not_there_is_told_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "cases.jsonl").write_text('{"id": 1, "message": "hi"}\n')
    engine = ScriptedEngine(["Hello"])
    with pytest.raises(EnactorError, match="cannot be written"):
        predict_file(Predictor(engine), tmp_path / "cases.jsonl", tmp_path / "no" / "out.jsonl")
    assert engine.prompts == []


class Waiting:
    """An engine that decodes until it is cancelled."""

    name = "waiting"

    def __init__(self) -> None:
        self.cancelled = threading.Event()

    def complete(self, prompt: str, **options: Any) -> Completion:
        assert self.cancelled.wait(20)
        return Completion("", stopped=False, cancelled=True)

    def cancel(self) -> None:
        self.cancelled.set()

    def close(self) -> None:
        self.cancel()


def test_ctrl_c_leaves_the_old_file(tmp_path: Path) -> None:
    import os
    import signal

    (tmp_path / "out.jsonl").write_text("old")
    (tmp_path / "cases.jsonl").write_text('{"id": 1, "message": "hi"}\n' * 3)
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        predict_file(Predictor(Waiting()), tmp_path / "cases.jsonl", tmp_path / "out.jsonl", slots=2)
    assert (tmp_path / "out.jsonl").read_text() == "old"
