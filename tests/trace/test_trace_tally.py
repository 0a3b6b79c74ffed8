"""What is chosen is counted once, and its bars fit the terminal."""

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enactor.trace import ReadReport, Step, ToolCall, ToolResult, Trace, TraceStore
from enactor.trace.tally import KEYS, Selection, bars, by_month, tally

LOOP = Step(
    ToolCall("send_command", "{}", {"command": "KILL_LOOP Cow none 5"}),
    ToolResult("ok", {"dispatched": True}),
)
TRACES = [
    Trace("kill cows", "On it", "executed", "executed", (LOOP,), timestamp="2030-01-01T00:00:00", source="a"),
    Trace("hi", "Hello", "answered", "answered", timestamp="2030-01-02T00:00:00", source="b"),
    Trace("HELLO", "Yes?", "asked", "asked", timestamp="2030-01-02T00:00:00", source="b"),
    Trace("stop", "Stopped.", "claimed", "claimed", timestamp="2030-02-03T00:00:00", source="a"),
]


@pytest.fixture
def store(tmp_path: Path) -> TraceStore:
    store = TraceStore(tmp_path)
    for trace in TRACES:
        store.append(trace)
    return store


@pytest.mark.parametrize(
    ("selection", "messages"),
    [
        (Selection(), ["kill cows", "hi", "HELLO", "stop"]),
        (Selection(sources=("a",)), ["kill cows", "stop"]),
        (Selection(tasks=("loop_command",)), ["kill cows"]),
        (Selection(outcomes=("asked", "claimed")), ["HELLO", "stop"]),
        (Selection(since=date(2030, 1, 2), until=date(2030, 1, 31)), ["hi", "HELLO"]),
        (Selection(text="hello"), ["hi", "HELLO"]),
        (Selection(sources=("b",), outcomes=("asked",)), ["HELLO"]),
        (Selection(sources=("c",)), []),
    ],
)
def test_what_is_chosen(store: TraceStore, selection: Selection, messages: list[str]) -> None:
    assert [trace.message for _, trace in selection.of(store, ReadReport())] == messages


def test_each_request_counts_once_for_each_key(store: TraceStore) -> None:
    counts = tally(Selection().of(store, ReadReport()))
    assert set(counts) == set(KEYS)
    assert all(counter.total() == len(TRACES) for counter in counts.values())
    assert counts["day"] == {"2030-01-01": 1, "2030-01-02": 2, "2030-02-03": 1}
    assert counts["task"] == {"loop_command": 1, "conversation": 3}
    assert by_month(counts["day"]) == {"2030-01": 3, "2030-02": 1}


def test_bars_are_drawn_to_scale() -> None:
    lines = bars({"executed": 40, "failed": 10, "asked": 1, "refused": 0})
    marks = [line.count("█") for line in lines]
    assert marks[0] == 4 * marks[1] == 48
    assert marks[2:] == [1, 0]
    assert lines[0].endswith("40  78.4%")
    assert not set("".join(bars({"a": 3, "b": 1}, blocks=False))) - set("ab#. %0123456789")


@given(
    st.dictionaries(
        st.text(st.characters(codec="ascii", min_codepoint=33), max_size=40), st.integers(0, 10**6)
    ),
    st.booleans(),
)
def test_bars_fit_eighty_columns_and_show_all_that_is_there(counts: dict[str, int], blocks: bool) -> None:
    lines = bars(counts, blocks=blocks)
    assert len(lines) == len(counts)
    for line, n in zip(lines, counts.values(), strict=True):
        assert len(line) <= 80
        assert any(mark in line[10:] for mark in "#█▏▎▍▌▋▊▉") or not n
