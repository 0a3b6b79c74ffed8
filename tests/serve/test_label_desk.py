"""Labels are events that are never rewritten; the queue, agreement, corrections and rows follow from them."""

import json
import os
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from label_records import HOSTILE, play, record

from enactor.cli import main
from enactor.curate import read_rows
from enactor.curate.rows import Action
from enactor.errors import EnactorError
from enactor.serve.label import Desk, Journal, Label, Refused, agreements, cohen_kappa, labelled_rows
from enactor.serve.label.calls import check, emitted, write_calls
from enactor.serve.label.complete import complete
from enactor.trace import Feedback, Message, ToolCall, TraceStore, with_player
from enactor.world import COMMANDS, TOOLS, GameState

HELD = GameState.from_case({"inventory": ["Tuna x3", "Raw beef"], "location": [3222, 3218, 0]})


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    folder = tmp_path_factory.mktemp("recorded")
    return folder, record(folder)


@pytest.fixture
def opened(recorded: tuple[Path, dict[str, str]], tmp_path: Path) -> tuple[Desk, dict[str, str], Path]:
    for path in recorded[0].iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    desk = Desk(tmp_path)
    desk.queue("ann")
    return desk, recorded[1], tmp_path


Opened = tuple[Desk, dict[str, str], Path]


def label(desk: Desk, trace: str, annotator: str = "ann", **given: Any) -> dict[str, Any]:
    return desk.label({"trace": trace, "annotator": annotator, **given})


def order(desk: Desk, ids: dict[str, str], annotator: str = "ann", view: str = "todo") -> list[str]:
    names = {value: name for name, value in ids.items()}
    return [names[entry["id"]] for entry in desk.queue(annotator, view)["entries"]]


# -- the queue --------------------------------------------------------------------------


def test_the_least_certain_comes_first(opened: Opened) -> None:
    desk, ids, _ = opened
    assert order(desk, ids)[:3] == ["forced", "claimed", "repaired"]


def test_what_is_labelled_goes_to_the_end_and_disputes_to_their_view(opened: Opened) -> None:
    desk, ids, _ = opened
    label(desk, ids["forced"], rating=1)
    assert order(desk, ids)[-1] == "forced"
    assert order(desk, ids, "bob")[0] == "forced"  # a low rating of what the ledger calls executed
    label(desk, ids["clean"], rating=5, fulfilled=True)
    label(desk, ids["clean"], "bob", rating=2, fulfilled=False)
    assert order(desk, ids, "cyd")[0] == "clean"
    assert order(desk, ids, view="disputed") == ["clean", "forced"]
    assert order(desk, ids, view="done") == ["clean", "forced"]
    assert desk.queue("ann")["progress"]["mine"] == 2


def test_a_low_probability_is_a_doubt(opened: Opened) -> None:
    desk, ids, folder = opened
    trace = play("thanks", "You're welcome.")
    sure = replace(trace, message="sure", meta={"logprob": -0.1}, completion_tokens=10)
    unsure = replace(trace, message="unsure", meta={"logprob": -20.0}, completion_tokens=10)
    store = TraceStore(folder)
    ids = {**ids, "sure": store.append(sure), "unsure": store.append(unsure)}
    assert order(desk, ids)[0] == "unsure"
    entry = desk.queue("ann")["entries"][0]
    assert entry["signs"][0]["text"] == "Mean token probability 0.14."
    assert next(e for e in desk.queue("ann")["entries"] if e["message"] == "sure")["signs"] == []


def test_the_queue_follows_the_store(opened: Opened) -> None:
    desk, ids, folder = opened
    store = TraceStore(folder)
    store.append(with_player(play("thanks", "You're welcome."), store, "zezima"))
    assert desk.queue("ann")["total"] == len(ids) + 1
    store.forget("zezima")
    assert desk.queue("ann")["total"] == len(ids)
    assert desk.trace(ids["clean"], "ann")["message"] == "kill 300 giant frogs"


def test_forgetting_a_player_takes_the_labels_along(opened: Opened) -> None:
    desk, ids, folder = opened
    store = TraceStore(folder)
    theirs = store.append(with_player(play("thanks", "You're welcome."), store, "zezima"))
    label(desk, theirs, rating=1, note="theirs")
    label(desk, ids["clean"], rating=5)
    store.forget("zezima")
    assert "theirs" not in (folder / "user_feedback.jsonl").read_text()
    assert desk.queue("ann")["progress"]["mine"] == 1


def test_a_trace_has_what_a_judge_needs(opened: Opened) -> None:
    desk, ids, _ = opened
    shown = desk.trace(ids["repaired"], "ann")
    assert shown["outcome"] == "executed"
    assert shown["model_outcome"] == "described"
    assert any("shapes.json" in line for line in shown["evidence"])
    [step] = shown["steps"]
    assert (step["written"], step["lowered"], step["origin"]) == ("EAT tuna", "EAT Tuna", "repaired")
    assert shown["calls"] == "EAT tuna"
    assert {"health", "wears", "holds 4 of 28"} <= {row["name"] for row in shown["state"]}
    hostile = desk.trace(ids["hostile"], "ann")
    assert "<script>" in hostile["message"]
    assert "\u202e" not in hostile["message"]
    assert "\x1b" not in hostile["message"]
    with pytest.raises(Refused, match="not in the store"):
        desk.trace("h1:none", "ann")


# -- labels as events ---------------------------------------------------------------------


def test_labels_are_appended_and_the_latest_stands(opened: Opened) -> None:
    desk, ids, folder = opened
    label(desk, ids["clean"], rating=2, note="meh")
    first = (folder / "user_feedback.jsonl").read_bytes()
    label(desk, ids["clean"], rating=4, tags=["Slow ", "slow"], note="")
    second = (folder / "user_feedback.jsonl").read_bytes()
    assert second.startswith(first)
    assert desk.trace(ids["clean"], "ann")["mine"]["rating"] == 4
    assert desk.trace(ids["clean"], "ann")["mine"]["tags"] == ["slow"]
    assert TraceStore(folder).feedback()[ids["clean"]].rating == 4
    assert Desk(folder).queue("ann", "done")["total"] == 1


def test_undo_goes_back_step_by_step_and_only_ones_own(opened: Opened) -> None:
    desk, ids, folder = opened
    label(desk, ids["clean"], rating=2)
    label(desk, ids["clean"], rating=3)
    label(desk, ids["clean"], "bob", rating=5)
    label(desk, ids["forced"], rating=1)
    before = (folder / "user_feedback.jsonl").read_bytes()
    undone = [desk.undo("ann")["trace"] for _ in range(4)]
    assert undone == [ids["forced"], ids["clean"], ids["clean"], None]
    assert (folder / "user_feedback.jsonl").read_bytes().startswith(before)
    assert desk.trace(ids["clean"], "ann")["mine"] is None
    assert desk.trace(ids["clean"], "bob")["mine"]["rating"] == 5
    feedback = TraceStore(folder).feedback()
    assert feedback[ids["clean"]].rating == 5  # other readers see what stands
    assert feedback[ids["forced"]].rating is None
    label(desk, ids["clean"], rating=4)
    assert Desk(folder).trace(ids["clean"], "ann")["mine"]["rating"] == 4


def test_others_are_hidden_until_one_has_judged(opened: Opened) -> None:
    desk, ids, _ = opened
    label(desk, ids["clean"], "bob", rating=1, note="wrong")
    assert desk.trace(ids["clean"], "ann")["others"] == []
    saved = label(desk, ids["clean"], rating=5)
    assert [other["annotator"] for other in saved["others"]] == ["bob"]
    assert desk.trace(ids["clean"], "ann")["others"][0]["note"] == "wrong"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "nothing to save"),
        ({"rating": 6}, "rating"),
        ({"rating": True}, "rating"),
        ({"fulfilled": "yes"}, "fulfilled"),
        ({"rating": 3, "annotator": " "}, "annotator"),
        ({"rating": 3, "annotator": "a\u202eb"}, "annotator"),
        ({"rating": 3, "colour": "red"}, "colour"),
        ({"calls": "KILL_LOP Cow"}, "KILL_LOOP"),
        ({"calls": "\n".join(["STOP"] * 13)}, "13 calls"),
        ({"rating": 3, "note": "x" * 2001}, "note"),
        ({"rating": 3, "trace": "h1:gone"}, "not in the store"),
    ],
)
def test_what_cannot_be_saved_is_refused_with_the_reason(opened: Opened, given: Any, told: str) -> None:
    desk, ids, folder = opened
    with pytest.raises(Refused, match=told):
        desk.label({"trace": ids["clean"], "annotator": "ann", **given})
    assert not (folder / "user_feedback.jsonl").exists()


def test_torn_and_foreign_lines_lose_nothing(opened: Opened) -> None:
    desk, ids, folder = opened
    path = folder / "user_feedback.jsonl"
    label(desk, ids["clean"], rating=5)
    with path.open("ab") as file:
        file.write(b'{"trace": 3}\n[]\nnot json\n{"trace": "h1:x", "label": {}}\n{"trace": "h1:to')
    label(desk, ids["forced"], rating=1)
    assert path.read_bytes().endswith(b"\n")
    assert any(path.name.endswith(".torn") for path in folder.iterdir())
    assert desk.queue("ann")["progress"]["mine"] == 2
    assert Journal(folder).labels().unread == 4


def test_a_player_who_differs_is_a_dispute(opened: Opened) -> None:
    desk, ids, folder = opened
    TraceStore(folder).add_feedback(Feedback(ids["clean"], 1))
    assert order(desk, ids)[0] == "clean"
    label(desk, ids["clean"], rating=5)
    signs = desk.trace(ids["clean"], "ann")["signs"]
    assert {sign["name"] for sign in signs} == {"player differs", "against the ledger"}


def test_annotators_at_once_lose_nothing(opened: Opened) -> None:
    desk, ids, folder = opened
    other = Desk(folder)

    def work(desk: Desk, name: str) -> None:
        for n in range(20):
            label(desk, ids["clean"], name, rating=n % 5 + 1)

    threads = [
        threading.Thread(target=work, args=(d, f"{n}")) for n, d in enumerate([desk, desk, other, other])
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = (folder / "user_feedback.jsonl").read_bytes().splitlines()
    assert len(lines) == 80
    assert all(json.loads(line) for line in lines)
    assert desk.progress()["annotators"] == {"0": 1, "1": 1, "2": 1, "3": 1}


@pytest.mark.skipif(os.name != "posix", reason="needs a limit on the size of files")
def test_a_full_disk_is_told_and_nothing_stays(opened: Opened) -> None:
    import resource
    import signal

    desk, ids, folder = opened
    label(desk, ids["clean"], rating=5)
    before = (folder / "user_feedback.jsonl").read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 10, hard))
    try:
        with pytest.raises(EnactorError, match="cannot be used"):
            label(desk, ids["forced"], rating=1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    assert (folder / "user_feedback.jsonl").read_bytes() == before
    label(desk, ids["forced"], rating=1)


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
    from enactor.serve.label import Labels

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
