"""Quality rules: each objects to its fault and to nothing else."""

import pytest
from recorded import request, said

from enactor.curate.draft import draft_of
from enactor.curate.gather import Selection, rows_of
from enactor.curate.quality import RULES, FilterReport, examine


def verdict(trace, rating=None):
    objection = examine(draft_of(trace, rating))
    return objection and objection.rule


GOOD = request("kill 20 chickens", "KILL_LOOP Chicken none 20")


def test_a_good_request_passes():
    assert verdict(GOOD) is None


@pytest.mark.parametrize(
    ("trace", "rule"),
    [
        (request("  \n", "STOP"), "message not empty"),
        (request("This session is being continued from before", "STOP"), "message of a player"),
        (request("kill cows " * 100, "KILL_LOOP Cow none"), "message of a player"),
        (request("убей двадцать кур сейчас", "KILL_LOOP Chicken none 20"), "language"),
        (request("mail me at joe@example.org and stop", "STOP"), "not personal"),
        (request("<@1234567890> stop", "STOP"), "not personal"),
        (request("kill 20 chickens", reply="Started killing 20 chickens.", outcome="claimed"), "executed"),
        (request("kill {n} {npc}", "KILL_LOOP Chicken none 20"), "not placeholder"),
        (request("go there", "GOTO None None None"), "not placeholder"),
        (request("kill 20 chickens", "KILL_LOOP npc none 20"), "not placeholder"),
        (request("plant 3 turnips", "PLANT turnip 3"), "grammatical command"),
        (request("kill 20 chickens", "KILL_LOOP Chicken none 20", status="error"), "fulfilled by result"),
        (request("open the combat tab", reply="I cannot do that.", outcome="refused"), "fulfilled by result"),
        (request("kill 20 chickens", "KILL_LOOP Chicken none 20", error="no client"), "no error"),
        (request("kill some chickens", "KILL_LOOP Chicken none 300"), "operands were said"),
        (request("kill 20 chickens", "KILL_LOOP Chicken Tuna 20"), "operands were said"),
        (request("kill 20 chickens then 30 cows", "KILL_LOOP Chicken none 20"), "nothing left out"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_fault_has_its_rule(trace, rule):
    assert verdict(trace) == rule


def test_every_rule_is_tested_and_documented():
    assert all(rule.__doc__ for rule in RULES.values())


def test_a_person_decides_about_text():
    trace = request("thanks!", reply="You're welcome.", outcome="answered")
    assert verdict(trace) == "fulfilled by result"
    assert verdict(trace, rating=5) is None
    assert verdict(GOOD, rating=1) == "fulfilled by result"
    long = request("thanks!", reply="You are welcome. " * 40, outcome="answered")
    assert verdict(long, rating=5) == "concise reply"


def test_a_call_that_the_gate_blocked_was_right():
    assert verdict(request("chop an oak tree", "CHOP_TREE Oak", status="blocked", outcome="failed")) is None


def test_a_question_needs_the_look_that_answers_it():
    levels = request("what are my levels", said("get_game_state", fields=["skills"]), outcome="answered")
    place = request("what are my levels", said("get_game_state", fields=["location"]), outcome="answered")
    assert verdict(levels) is None
    assert verdict(place) == "fulfilled by result"


def test_the_report_counts_and_shows_three_examples():
    faults = [request(f"kill {n} cows", reply="Done.", outcome="claimed", minute=20 * n) for n in range(2, 8)]
    report = FilterReport()
    rows = list(rows_of(((t, None) for t in [GOOD, *faults]), Selection(), report))
    assert [row.message for row in rows] == ["kill 20 chickens"]
    assert (report.read, report.kept, dict(report.removed)) == (7, 1, {"executed": 6})
    shown = report.to_json()["examples"]["executed"]
    assert [example["message"] for example in shown] == ["kill 2 cows", "kill 3 cows", "kill 4 cows"]


def test_an_example_of_a_personal_message_is_hidden():
    report = FilterReport()
    list(rows_of([(request("my password is hunter2", "STOP"), None)], Selection(), report))
    assert "hunter2" not in str(report.to_json())


def test_a_rule_can_be_switched_off():
    trace = request("kill some chickens", "KILL_LOOP Chicken none 300")
    kept = Selection(rules=tuple(r for r in RULES if r != "operands were said"))
    assert len(list(rows_of([(trace, None)], kept, FilterReport()))) == 1
