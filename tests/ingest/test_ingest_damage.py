"""Files damaged at random: whatever happens to the bytes, every turn is accounted for, none is doubled."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from enactor.ingest import ingest, sources
from enactor.trace import ReadReport, Trace, TraceStore, to_row


def _session() -> bytes:
    use = {"type": "tool_use", "id": "t1", "name": "mcp__manny__send_command", "input": {"command": "STOP"}}
    result = {"type": "tool_result", "tool_use_id": "t1", "content": '{"dispatched": true}'}
    said = [
        ("user", "stop it"),
        ("assistant", [use]),
        ("user", [result]),
        ("assistant", [{"type": "text", "text": "Stopped."}]),
        ("user", [{"type": "text", "text": "[Request interrupted by user]"}]),
        ("user", "thanks"),
    ]
    rows = [
        {
            "type": type_,
            "uuid": str(n),
            "timestamp": f"2030-01-02T10:00:0{n}Z",
            "message": {"role": type_, "content": content},
        }
        for n, (type_, content) in enumerate(said)
    ]
    return "".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows).encode()


def _conversation() -> bytes:
    base = {"request_id": "1", "timestamp": "2030-01-02T10:15:30.223344"}
    rows: list[dict[str, Any]] = [
        {"type": "request", **base, "user_id": 1, "username": "u", "message": "go", "task_type": "x"},
        {
            "type": "tool_call",
            **base,
            "tool": "get_logs",
            "arguments": {"a": "['b']"},
            "result": {"lines": []},
        },
        {"type": "response", **base, "response": "ok", "tool_calls_count": 1, "error": None},
        {"type": "error", **base, "error": "x", "context": None},
    ]
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def _chat() -> bytes:
    call = {"id": "1", "function": {"name": "send_command", "arguments": '{"command": "STOP"}'}}
    messages = [
        {"role": "user", "content": "stop"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "1", "content": "ok"},
    ]
    return (
        json.dumps({"messages": messages, "tools": [{"function": {"name": "get_logs"}}]}) + "\n"
    ).encode() * 2


def _training() -> bytes:
    rows = [
        to_row(Trace(text, "x", "answered", "answered", timestamp="2030-01-02T03:04:05")) for text in "ab"
    ]
    del rows[1]["enactor"]
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


RECORDS: dict[str, bytes] = {
    "session": _session(),
    "conversation": _conversation(),
    "chat": _chat(),
    "training": _training(),
    "commands": b'commands:\n  - timestamp: "2030-01-02T10:15:31"\n    command: "SAY \\"x\\""\n' * 2,
}


KEYS = (b"content", b"arguments", b"message", b"result", b"input", b"function", b"username", b"timestamp")


@st.composite
def damaged(draw: st.DrawFn, content: bytes) -> bytes:
    """Bytes changed, cut out, doubled or moved, and values of the JSON replaced by ones of another type."""
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(content)))
        end = min(len(content), at + draw(st.integers(0, 60)))
        how = draw(st.sampled_from(["cut", "put", "double", "lines", "type"]))
        if how == "cut":
            content = content[:at] + content[end:]
        elif how == "put":
            content = content[:at] + draw(st.binary(max_size=6)) + content[at:]
        elif how == "double":
            content = content[:end] + content[at:]
        elif how == "lines":
            content = b"".join(draw(st.permutations(content.splitlines(keepends=True))))
        else:
            other = draw(
                st.sampled_from(
                    [b"null", b"[]", b"{}", b"0", b'""', b"true", b"1e400", b"[null]", b'"\\ud83d"']
                )
            )
            values = [
                part for part in (b'"x"', b"{}", b'"ok"', b'"1"', b"null", b"true", b"[]") if part in content
            ]
            if values:
                content = content.replace(draw(st.sampled_from(values)), other, 1)
            for key in (
                b'"content":',
                b'"arguments":',
                b'"message":',
                b'"result":',
                b'"input":',
                b'"function":',
            ):
                if draw(st.booleans()) and key in content:
                    content = content.replace(key, key + b" " + other + b', "was":', 1)
    return content


@pytest.mark.parametrize("kind", RECORDS)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_whatever_happens_to_the_bytes(tmp_path_factory: Any, kind: Any, data: st.DataObject) -> None:
    folder: Path = tmp_path_factory.mktemp("damage")
    path = folder / "x.jsonl"
    path.write_bytes(data.draw(damaged(RECORDS[kind])))
    files = sources([path], folder / "store")
    first = ingest(files, folder / "store", kind=kind, processes=1)
    assert first.added + first.known + first.refused.total() == first.turns
    second = ingest(files, folder / "store", kind=kind, processes=1)
    assert (second.turns, second.added, second.known) == (first.turns, 0, first.added + first.known)
    assert second.refused == first.refused
    report = ReadReport()
    assert len(list(TraceStore(folder / "store").iterate(report=report))) == first.added
    assert not report.refused
