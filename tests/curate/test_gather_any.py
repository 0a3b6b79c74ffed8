"""Whatever a record holds, gathering counts it and goes on."""

import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from enactor.curate.gather import Selection, finished
from enactor.curate.pairs import log_pairs
from enactor.curate.quality import FilterReport
from enactor.trace.values import OUTCOMES, Step, ToolCall, ToolResult, Trace
from enactor.world import TOOLS

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 4000) | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
LINES = st.sampled_from(
    [
        "KILL_LOOP Cow none 5",
        "GOTO 3093 3243 0",
        "ATTACK_STYLE Strength",
        "STOP; GOTO bank",
        "",
        "(((",
        "GOTO",
    ]
)
ARGS = st.dictionaries(
    st.sampled_from(["command", "fields", "cmd", "location", "npc"]), JSON | LINES, max_size=3
)
STATES = st.none() | st.dictionaries(
    st.sampled_from(["location", "health", "inventory", "equipment", "player", "skills", "bank"]),
    JSON,
    max_size=4,
)


@st.composite
def traces(draw):
    steps = []
    for _ in range(draw(st.integers(0, 3))):
        tool = draw(st.sampled_from([*TOOLS, "mcp__x__send_command", "KILL_LOOP", "WAIT", ""]))
        args = draw(st.none() | ARGS)
        status = draw(st.sampled_from(["ok", "error", "blocked", "needs_confirmation"]))
        content = draw(st.dictionaries(st.sampled_from(["state", "error", "dispatched"]), JSON, max_size=3))
        error = None if args is not None else "unreadable"
        steps.append(Step(ToolCall(tool, json.dumps(args), args, error), ToolResult(status, content)))
    outcome = draw(st.sampled_from(OUTCOMES))
    messages = st.text(max_size=40) | st.sampled_from(
        ["kill 5 cows", "go to draynor bank", "do it", "levels?"]
    )
    return Trace(
        draw(messages),
        draw(st.text(max_size=40) | LINES),
        outcome,
        outcome,
        tuple(steps),
        state_before=draw(STATES),
        timestamp=draw(st.sampled_from(["", "2030-01-01T00:00:00", "2030-01-01T00:01:00+00:00", "noon"])),
        meta=draw(st.sampled_from([{}, {"decided": 1}, {"conversation": "a"}, {"result_unknown": True}])),
    )


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(traces(), max_size=4))
def test_every_record_is_kept_or_counted(given_traces):
    report = FilterReport()
    found = list(finished(((trace, None) for trace in given_traces), Selection(), report))
    rows = [row for _, row in found]
    assert report.read == len(given_traces) == report.kept + report.removed.total()
    assert len(rows) == report.kept
    for row in rows:
        assert row.segments()
        json.dumps(row.to_json())
    json.dumps(report.to_json())
    for pair in log_pairs(found):
        assert pair.texts()
