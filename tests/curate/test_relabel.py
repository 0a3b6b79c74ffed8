"""Wrong answers whose right one is known."""

import pytest
from recorded import STATE, request, said

from enactor.curate.draft import draft_of
from enactor.curate.gather import Selection, rows_of
from enactor.curate.quality import FilterReport
from enactor.curate.relabel import CURES, RETRY, mend, one_reading, same_request
from enactor.world import GameState, lower, parse


def rows(*traces):
    report = FilterReport()
    return list(rows_of(((trace, None) for trace in traces), Selection(), report)), report


def commands(row):
    return [action.args["command"] for action in row.say]


def test_the_plans_worked_example_becomes_a_valid_row():
    """The player speaks of the attack style relevant to the scimitar and of one giant frog; the verb that was
    sent for the first is none of the plugin's."""
    trace = request(
        "Switch to the strength attack style, the one relevant to the scimitar, and kill one giant frog",
        said("get_game_state", fields=["location", "health", "inventory"]),
        "ATTACK_STYLE Strength",
        "KILL_LOOP Giant_frog none 1",
        said("get_game_state", fields=["skills"]),
        reply="Your attack style has been switched to Strength.",
    )
    [row], report = rows(trace)
    assert commands(row) == ["SWITCH_COMBAT_STYLE strength", "KILL_LOOP Giant_frog none 1"]
    assert row.kind == "multi"
    state = GameState.from_case(row.state)
    assert [lower(parse(line), state).render() for line in commands(row)] == [
        "SWITCH_COMBAT_STYLE Slash",  # the scimitar's button that trains strength
        "KILL_LOOP Giant_frog none 1",
    ]
    assert row.expect[0].args["command"] == "SWITCH_COMBAT_STYLE Slash"
    assert report.mended == {"invalid call with one reading": 1}


def test_the_worked_example_in_its_conversation():
    """As it was said: style and frog are named in the turn before, which was only described."""
    turns = (
        request("Switch to strength again then kill loop one giant frog", outcome="described", reply="1. …"),
        request(
            "The attack style might require an actual style relevant to the scimitar",
            "ATTACK_STYLE Strength",
            "KILL_LOOP Giant_frog none 1",
            minute=1,
        ),
    )
    made, _ = rows(*turns)
    last = made[-1]
    assert commands(last) == ["SWITCH_COMBAT_STYLE strength", "KILL_LOOP Giant_frog none 1"]
    assert [message.role for message in last.history] == ["user", "assistant"]
    assert sum(segment.train for segment in last.segments()) == 1


@pytest.mark.parametrize(
    ("line", "reading"),
    [
        ("KILL_LOOP Giant_frog 300", "KILL_LOOP Giant_frog none 300"),
        ("ATTACK_STYLE Strength", "SWITCH_COMBAT_STYLE strength"),
        ("SET_ATTACK_STYLE Strength", "SWITCH_COMBAT_STYLE strength"),
        ("KILL_LOOP(Giant_frog, none, 1)", "KILL_LOOP Giant_frog none 1"),
        ("`GOTO 3208, 3220, 2`", "GOTO 3208 3220 2"),
        ("GOTO x=3208 y=3220 plane=0", "GOTO 3208 3220 0"),
        ("KILL_LOOP Giant_frog none 300')", "KILL_LOOP Giant_frog none 300"),
        ("WALK_TO draynor_bank", "GOTO draynor_bank"),
        ("EQUIP Iron scimitar", None),
        ("PLANT turnip", None),
        ("", None),
    ],
)
def test_one_reading(line, reading):
    assert one_reading(line) == reading


@pytest.mark.parametrize(
    ("call", "wanted"),
    [
        (said("mcp__manny__send_command", command="STOP"), ["STOP"]),
        (said("send_command", cmd="STOP"), ["STOP"]),
        (said("KILL_LOOP", npc="Cow", food="none", kills=5), ["KILL_LOOP Cow none 5"]),
        (
            said("send_command", command="KILL_LOOP Cow none 5; BURY_ALL"),
            ["KILL_LOOP Cow none 5", "BURY_ALL"],
        ),
    ],
)
def test_other_shapes_of_a_call(call, wanted):
    draft, objection = mend(draft_of(request("kill five cows and bury the bones, then stop", call)))
    assert objection is None
    assert [a.args["command"] for a in draft.say] == wanted


def test_a_list_that_was_written_as_text():
    asked = request("my levels?", said("get_game_state", fields="['skills']"), outcome="answered")
    draft, objection = mend(draft_of(asked))
    assert objection is None
    assert draft.say[0].args == {"fields": ["skills"]}


@pytest.mark.parametrize(
    "text",
    [
        '<tool_call>send_command({"command": "KILL_LOOP Giant_frog none 300"})</tool_call>',
        '```json\n{"name": "send_command", "arguments": {"command": "KILL_LOOP Giant_frog none 300"}}\n```',
        "KILL_LOOP Giant_frog none 300",
    ],
)
def test_a_call_in_another_dialect(text):
    [row], report = rows(request("kill 300 giant frogs", reply=text, outcome="described"))
    assert commands(row) == ["KILL_LOOP Giant_frog none 300"]
    assert report.mended == {"call written as text": 1}


def test_a_described_call_that_was_not_asked_for_stays_out():
    described = '{"name": "send_command", "arguments": {"command": "KILL_LOOP Cow none"}}'
    assert rows(request("what can you do?", reply=described, outcome="described"))[0] == []
    two = "KILL_LOOP Cow none\nBANK_OPEN"
    assert rows(request("kill cows or open the bank", reply=two, outcome="described"))[0] == []


def test_a_fake_gets_the_calls_of_its_retry():
    fake = request("Kill loop giant frog 300", reply="Started the kill loop.", outcome="claimed")
    protest = request("You didn't execute it", reply="Done!", outcome="claimed", minute=1)
    retry = request("KILL_LOOP Giant_frog 300", "KILL_LOOP Giant_frog none 300", minute=2)
    made, report = rows(fake, protest, retry)
    assert [commands(row) for row in made] == [["KILL_LOOP Giant_frog none 300"]] * 3
    assert [row.kind for row in made] == ["loop", "protest", "protest"]
    assert report.mended == {RETRY: 2}
    assert made[0].history == ()


@pytest.mark.parametrize(
    "later",
    [
        request("kill 300 chickens", "KILL_LOOP Chicken none 300", minute=1),  # another request
        request("kill loop giant frog 300", "KILL_LOOP Giant_frog none 300", minute=40),  # too late
        request("kill loop giant frog 300", "KILL_LOOP Giant_frog none 300", minute=1, session="b"),
        request("kill loop giant frog 300", "KILL_LOOP Giant_frog none 300", minute=1, status="error"),
    ],
    ids=["another", "late", "elsewhere", "failed"],
)
def test_a_fake_without_its_retry_is_dropped(later):
    fake = request("Kill loop giant frog 300", reply="Started.", outcome="claimed", session="a")
    made, report = rows(fake, later)
    assert report.removed["executed"] == 1
    assert len(made) == (later.steps[0].result.status == "ok")


def test_coordinates_become_the_place_that_was_said():
    [row], _ = rows(request("go to draynor bank", "GOTO 3093 3243 0"))
    assert commands(row) == ["GOTO draynor_bank"]
    assert rows(request("go somewhere nice", "GOTO 3093 3243 0"))[0] == []
    [row], _ = rows(request("walk north please", "GOTO 3191 3199 0"))
    assert commands(row) == ["GOTO north"]


def test_what_nobody_said_is_left_out():
    [row], _ = rows(request("grind giant frogs", "KILL_LOOP Giant_frog Tuna 300"))
    assert commands(row) == ["KILL_LOOP Giant_frog none"]


def test_a_combat_style_is_written_as_it_was_said():
    [row], _ = rows(request("Switch combat style block", "SWITCH_COMBAT_STYLE Defence"))
    assert commands(row) == ["SWITCH_COMBAT_STYLE block"]
    [row], _ = rows(request("click the slash one", "SWITCH_COMBAT_STYLE strength"))
    assert row.expect[0].args == {"command": "SWITCH_COMBAT_STYLE Slash"}
    # aggressive is another skill on a bow, and an axe has no such button
    axe = STATE | {"equipment": {"weapon": "Iron axe"}}
    assert rows(request("go aggressive", "SWITCH_COMBAT_STYLE strength"))[0] == []
    assert rows(request("click the slash one", "SWITCH_COMBAT_STYLE strength", state=axe))[0] == []


def test_the_same_request():
    assert same_request("Kill loop giant frog 300", "KILL_LOOP Giant_frog 300")
    assert not same_request("Kill loop giant frog 300", "Kill loop giant frog 1000")
    assert not same_request("open the bank", "open the door")


def test_only_the_rules_that_are_named_are_used():
    trace = request("kill 5 cows", "FIGHT Cow none 5")
    assert mend(draft_of(trace))[1] is None
    assert mend(draft_of(trace), cures=())[1].rule == "grammatical command"


def test_cures_belong_to_rules():
    from enactor.curate.quality import RULES

    assert set(CURES) <= set(RULES)
