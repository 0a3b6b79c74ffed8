"""A teacher's answers count only when they hold."""

import random

import pytest
from recorded import STATE, request

from enactor.curate.gather import Selection, rows_of
from enactor.curate.quality import FilterReport
from enactor.curate.rows import Action, Row
from enactor.curate.teacher import Teacher, paraphrases
from enactor.models import ScriptedEngine


def taught(answer, trace):
    report = FilterReport()
    teacher = Teacher(ScriptedEngine([answer]))
    rows = list(rows_of([(trace, None)], Selection(teacher=teacher), report))
    return rows, report, teacher


def call(line):
    return f'<tool_call>\n{{"name": "send_command", "arguments": {{"command": "{line}"}}}}\n</tool_call>'


CLAIMED = request("eat a tuna", reply="I ate it.", outcome="claimed")


def test_an_answer_that_the_simulator_carries_out_counts():
    [row], report, teacher = taught(call("EAT Tuna"), CLAIMED)
    assert row.say == (Action("send_command", {"command": "EAT Tuna"}),)
    assert row.meta["fixed"] == ["teacher"]
    assert (teacher.asked, teacher.taught, report.mended["teacher"]) == (1, 1, 1)


@pytest.mark.parametrize(
    "answer",
    [
        "I would eat a tuna.",
        call("DEVOUR Tuna Lobster Sword"),  # no command
        call("EAT Lobster"),  # not held
        call("KILL_LOOP Giant_frog none 300"),  # not asked for
        '<tool_call>\n{"name": "fly", "arguments": {}}\n</tool_call>',
    ],
)
def test_other_answers_do_not(answer):
    rows, report, _ = taught(answer, CLAIMED)
    assert rows == []
    assert report.removed["executed"] == 1


def test_a_personal_message_is_not_sent_to_a_teacher():
    rows, _, teacher = taught(call("STOP"), request("my mail is a@b.org", outcome="claimed", reply="ok"))
    assert rows == []
    assert teacher.asked == 0


def test_paraphrases_keep_the_words_of_the_answer():
    row = Row(
        "eat a tuna",
        "simple",
        "health",
        "eat",
        "h1:0",
        STATE,
        (Action("send_command", {"command": "EAT tuna"}),),
    )
    said = '1. have a tuna\n2. eat some fish\n3. Eat a tuna!\n4. "tuna, now please"'
    made = list(paraphrases(ScriptedEngine([said]), [row], 4))
    assert [r.message for r in made] == ["have a tuna", "tuna, now please"]
    assert all(r.template == row.template and r.say == row.say for r in made)
    assert random.Random(0)  # no draw is made: the teacher's order stands
