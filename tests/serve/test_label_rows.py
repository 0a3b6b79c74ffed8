"""Agreement, corrections judged while they are typed, and the rows that come of them."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from label_records import HOSTILE, copied, play

from enactor.cli import main
from enactor.curate import read_rows
from enactor.curate.rows import Action
from enactor.serve.label import Desk, Journal, Label, Labels, agreements, cohen_kappa, labelled_rows
from enactor.serve.label.calls import check, emitted, write_calls
from enactor.serve.label.complete import complete
from enactor.trace import Message, ToolCall, TraceStore
from enactor.world import COMMANDS, TOOLS, GameState

HELD = GameState.from_case({"inventory": ["Tuna x3", "Raw beef"], "location": [3222, 3218, 0]})
Opened = tuple[Desk, dict[str, str], Path]


@pytest.fixture
def opened(tmp_path: Path) -> Opened:
    """A desk over a store of six requests, their hashes, and the store's folder."""
    ids = copied(tmp_path / "log")
    return Desk(tmp_path / "log"), ids, tmp_path / "log"


def label(desk: Desk, trace: str, annotator: str = "ann", **given: Any) -> dict[str, Any]:
    return desk.label({"trace": trace, "annotator": annotator, **given})


# -- agreement ----------------------------------------------------------------------------


def expand(table: list[list[int]]) -> tuple[list[int], list[int]]:
    pairs = [(i, j) for i, row in enumerate(table) for j, n in enumerate(row) for _ in range(n)]
    return [a for a, _ in pairs], [b for _, b in pairs]


@pytest.mark.parametrize(
    ("table", "kappa"),
    [
        # Spitzer et al. (1967), worked in Fleiss, Statistical Methods for Rates and Proportions: 0.68
        ([[75, 1, 4], [5, 4, 1], [0, 0, 10]], 0.23 / 0.34),
        # the textbook case of two readers of 50 proposals: observed 0.7, by chance 0.5
        ([[20, 5], [10, 15]], 0.4),
    ],
)
def test_kappa_of_published_examples(table: list[list[int]], kappa: float) -> None:
    assert cohen_kappa(*expand(table)) == pytest.approx(kappa)


def test_kappa_at_its_ends() -> None:
    assert cohen_kappa([1, 2, 3], [1, 2, 3]) == 1
    assert cohen_kappa([0, 1], [1, 0]) == -1
    assert cohen_kappa([], []) is None
    assert cohen_kappa([1, 1], [1, 1]) is None  # chance alone would agree as well
    assert cohen_kappa([1, 5], [5, 1], scale=(1, 2, 3, 4, 5), weights="quadratic") == -1
    with pytest.raises(ValueError, match="length"):
        cohen_kappa([1], [])


ratings = st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5)), min_size=1, max_size=30)


@settings(deadline=None)
@given(ratings)
def test_quadratic_kappa_is_its_other_formula(pairs: list[tuple[int, int]]) -> None:
    """2 cov / (var + var + difference of means squared): Fleiss & Cohen (1973), Educ. Psychol. Meas. 33."""
    n = len(pairs)
    mean_a, mean_b = sum(a for a, _ in pairs) / n, sum(b for _, b in pairs) / n
    below = sum((a - mean_a) ** 2 + (b - mean_b) ** 2 for a, b in pairs) / n + (mean_a - mean_b) ** 2
    above = 2 * sum((a - mean_a) * (b - mean_b) for a, b in pairs) / n
    found = cohen_kappa(*map(list, zip(*pairs, strict=True)), scale=(1, 2, 3, 4, 5), weights="quadratic")
    if found is None:
        assert below == pytest.approx(0)
    else:
        assert found == pytest.approx(above / below)


@settings(deadline=None)  # the first one imports scikit-learn
@given(ratings)
def test_kappa_is_that_of_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    metrics = pytest.importorskip("sklearn.metrics", exc_type=ImportError)
    first, second = map(list, zip(*pairs, strict=True))
    for weights, theirs in (("none", None), ("quadratic", "quadratic")):
        found = cohen_kappa(first, second, scale=(1, 2, 3, 4, 5), weights=weights)  # type: ignore[arg-type]
        if found is not None:
            expected = metrics.cohen_kappa_score(first, second, labels=[1, 2, 3, 4, 5], weights=theirs)
            assert found == pytest.approx(expected)


def test_agreement_counts_what_both_judged(opened: Opened) -> None:
    desk, ids, folder = opened
    for name, first, second in (
        ("clean", True, True),
        ("forced", True, False),
        ("claimed", False, False),
        ("style", None, False),
    ):
        label(desk, ids[name], rating=5 if first else 2, fulfilled=first)
        label(desk, ids[name], "bob", rating=4 if second else 2, fulfilled=second)
    found = {a.question: a for a in agreements(Journal(folder).labels())}
    assert (found["fulfilled"].n, found["fulfilled"].same) == (3, 2)
    assert found["fulfilled"].kappa == pytest.approx(0.4)
    assert found["rating"].n == 4
    assert desk.progress("ann")["agreement"][0]["kappa"] == 0.4


# -- corrections --------------------------------------------------------------------------


def test_lines_are_judged_by_the_grammar_and_lowered() -> None:
    good, unknown, bad, far = check(
        "kill_loop giant_frogs none fifty\n\nKILL_LOP Cow none 5\nKILL_LOOP\nGOTO nowhere_land", HELD
    )
    assert good.lowered == "KILL_LOOP Giant_frog none 50"
    assert good.action == Action("send_command", {"command": "KILL_LOOP giant_frogs none fifty"})
    assert unknown.action is None
    assert unknown.nearest == "KILL_LOOP Cow none 5"
    assert "needs npc, food" in bad.error
    assert far.action is not None
    assert "nowhere land" in far.warning


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("@get_game_stat health", "no tool"),
        ("@send_command EAT Tuna", "without @send_command"),
        ("@get_game_state mood", "fields must be of"),
        ('@get_logs {"lines": 3}', "does not know lines"),
        ('@get_logs {"since_seconds": "3"}', "must be of type integer"),
        ('@get_logs {"since_seconds": true}', "must be of type integer"),
        ('@get_logs {"since_seconds": 0}', "must be from 1 to 86400"),
        ("@get_logs {", "no JSON"),
        ("@lookup_location", "needs location"),
        ("@check_health now", "as JSON"),
        ('@send_and_await {"command": "FLY", "await_condition": "idle"}', "no command"),
    ],
)
def test_tools_are_judged_by_their_declaration(line: str, told: str) -> None:
    [judged] = check(line, HELD)
    assert judged.action is None
    assert told in judged.error


def test_every_example_of_the_declarations_is_a_valid_correction() -> None:
    for spec in COMMANDS.values():
        for example in spec.examples:
            [judged] = check(example, GameState())
            assert judged.action is not None, example
    for line in ("@get_game_state health,location", "@check_health", '@query_nearby {"max_distance": 5}'):
        [judged] = check(line, HELD)
        assert judged.action is not None
        assert check(write_calls([judged.action]), HELD)[0].action == judged.action


@settings(deadline=None)
@given(st.text(max_size=60))
def test_no_text_breaks_the_check_or_the_completion(text: str) -> None:
    for judged in check(text, HELD):
        assert (judged.action is None) == bool(judged.error)
    complete(text, HELD)


def options(line: str) -> list[str]:
    return [option.text for option in complete(line, HELD).options]


def test_completion_of_verbs_tools_and_names() -> None:
    assert options("kill_l")[0] == "KILL_LOOP"
    assert "BANK_WITHDRAW" in options("withdraw")
    assert "KILL_LOOP" in options("KILLOOP")
    assert options("@get_g")[0] == "@get_game_state"
    assert options("@get_game_state health,loc") == ["location"]
    assert options("KILL_LOOP giant_fr")[0] == "Giant_frog"
    assert options("KILL_LOOP gaint_frg")[0] == "Giant_frog"
    assert options("EAT ")[0] == "Tuna"
    assert options("COOK_ALL ")[:1] == ["Raw_beef"] or "COOK_ALL" not in COMMANDS
    assert "north_east" in options("GOTO north")
    assert "Lumbridge_Swamp" in options("GOTO lumbridge_sw") or options("GOTO lumbridge_sw")
    assert options("FLY high") == []
    assert complete("KILL_LOOP Cow n", HELD).start == len("KILL_LOOP Cow ")


def test_what_completion_offers_is_valid() -> None:
    for spec in COMMANDS.values():
        if any(len([o for o in form if not o.optional]) == 1 for form in spec.forms):
            for option in complete(f"{spec.verb} ", HELD).options:
                [judged] = check(f"{spec.verb} {option.text}", HELD)
                one = [form for form in spec.forms if len([o for o in form if not o.optional]) == 1]
                if any(form[0].name == option.detail for form in one):
                    assert judged.action is not None, (judged.text, judged.error)
    assert {option.text[1:] for option in complete("@", HELD).options} <= set(TOOLS)


# -- rows -----------------------------------------------------------------------------------


def test_a_corrected_trace_becomes_a_row_that_trains(opened: Opened, tmp_path: Path) -> None:
    desk, ids, folder = opened
    text = "SWITCH_COMBAT_STYLE strength\nKILL_LOOP giant_frog none 1"
    assert desk.check(ids["style"], text)["row"] == {"ok": True, "kind": "multi", "family": "combat"}
    label(desk, ids["style"], rating=2, calls=text)
    label(desk, ids["clean"], rating=5)
    label(desk, ids["hostile"], calls="", reply="I can only play the game.")
    found = labelled_rows(TraceStore(folder))
    assert not found.refused
    row, talk = found.rows
    assert [a.args["command"] for a in row.say] == text.splitlines()
    assert [a.args["command"] for a in row.expect] == [
        "SWITCH_COMBAT_STYLE Slash",
        "KILL_LOOP Giant_frog none 1",
    ]
    assert row.state["health"] == [35, 35]
    assert row.offered
    assert "SWITCH_COMBAT_STYLE strength" in "".join(s.text for s in row.segments() if s.train)
    assert (talk.kind, talk.say, talk.reply) == ("refuse", (), "I can only play the game.")
    assert HOSTILE in talk.message
    out = tmp_path / "rows.jsonl"
    assert main(["label", "rows", "--training-log", str(folder), "--out", str(out)]) == 0
    assert list(read_rows(out)) == found.rows


def test_corrections_that_differ_give_no_row(opened: Opened) -> None:
    desk, ids, folder = opened
    label(desk, ids["claimed"], calls="KILL_LOOP giant_frogs none ten")
    label(desk, ids["claimed"], "bob", calls="KILL_LOOP Giant_frog none 10")
    assert len(labelled_rows(TraceStore(folder)).rows) == 1  # other words, the same call
    label(desk, ids["claimed"], "bob", calls="KILL_LOOP Giant_frog none 100")
    assert labelled_rows(TraceStore(folder)).refused == {"the annotators differ": 1}
    label(desk, ids["forced"], calls="")
    assert labelled_rows(TraceStore(folder)).refused["no call and no reply"] == 1


def test_an_unknown_name_and_an_unreadable_past(opened: Opened) -> None:
    desk, _, folder = opened
    store = TraceStore(folder)
    trace = play("kill a zorgle", "What is that?")
    unknown = store.append(trace)
    past = (Message("assistant", "", (ToolCall("send_command", "{", None, "torn"),)),)
    broken = store.append(replace(trace, message="again", history=past))
    for hash_ in (unknown, broken):
        label(desk, hash_, calls="KILL_LOOP zorgle none 1")
    found = labelled_rows(store)
    assert [row.expect for row in found.rows] == [()]
    assert found.refused == {"an earlier turn holds a call that cannot be read": 1}


def test_emitted_calls_come_back_as_text() -> None:
    trace = play(
        "kill 300 giant frogs", '<tool_call>\n{"name": "get_logs", "arguments": {"grep": "xp"}}\n</tool_call>'
    )
    assert write_calls(emitted(trace.steps)) == '@get_logs {"grep": "xp"}'


def test_a_label_comes_back_from_its_event() -> None:
    made = Label(
        "h1:a", "ann", 3, False, (Action("send_command", {"command": "STOP"}),), "", ("t",), "n", "2030"
    )
    journal_line = json.dumps(made.event()).encode()
    labels = Labels()
    labels.add_lines([journal_line])
    assert labels.by("ann", "h1:a") == made


def test_the_command_line_tells_agreement_and_a_missing_store(
    opened: Opened, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    desk, ids, folder = opened
    for annotator in ("ann", "bob"):
        label(desk, ids["clean"], annotator, rating=5, fulfilled=True)
        label(desk, ids["forced"], annotator, rating=2, fulfilled=False)
    assert main(["label", "agreement", "--training-log", str(folder)]) == 0
    assert "ann and bob, fulfilled: kappa 1.000, 2 of 2 the same" in capsys.readouterr().out
    assert main(["label", "--training-log", str(tmp_path / "none"), "--no-open"]) == 1
    assert "no traces at" in capsys.readouterr().err


def test_the_example_of_the_page_is_an_event() -> None:
    page = (Path(__file__).parents[2] / "docs" / "labelling.md").read_text(encoding="utf-8")
    shown = json.loads(page.split("```json\n", 1)[1].split("\n```", 1)[0])
    labels = Labels()
    labels.add_lines([json.dumps(shown).encode()])
    label = labels.by("ann", shown["trace"])
    assert label is not None
    assert label.event() == shown
