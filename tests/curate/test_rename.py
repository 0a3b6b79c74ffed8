"""Rows whose commands bear made-up names, and rows of missing prerequisites."""

import random

import pytest

from enactor.agent import Toolbox
from enactor.curate import BuildConfig, build
from enactor.curate.certificate import families_of
from enactor.curate.export import Unfit, from_row
from enactor.curate.prerequisite import blocked
from enactor.curate.rejected import training_rows
from enactor.curate.rename import renamed, renaming
from enactor.curate.rows import Action, Row
from enactor.evaluate.cases import cases_of
from enactor.prompt import DIALECTS
from enactor.sim import Simulator
from enactor.world import COMMANDS
from enactor.world.cards import card


def row(**changes):
    fields = {
        "message": "kill 20 cows and open the bank",
        "kind": "multi",
        "family": "plans",
        "group": "g",
        "template": "h1:" + "0" * 32,
        "state": {"location": [3256, 3267, 0], "health": [30, 30], "inventory": []},
        "say": (
            Action("send_command", {"command": "KILL_LOOP cows none 20"}),
            Action("send_command", {"command": "BANK_OPEN"}),
        ),
        "expect": (
            Action("send_command", {"command": "KILL_LOOP Cow none 20"}),
            Action("send_command", {"command": "BANK_OPEN"}),
        ),
        "offered": ("KILL_LOOP", "reply", "BANK_OPEN", "get_game_state", "GOTO"),
    }
    return Row(**{**fields, **changes})


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    out = tmp_path_factory.mktemp("renamed")
    return build(BuildConfig(rows=200, test_rows=40, renamed=0.5, out=out))


def test_a_renamed_call_stands_on_a_card_of_the_prompt():
    found = renamed(row(), random.Random(0))
    names = found.meta["renamed"]
    assert {"KILL_LOOP", "BANK_OPEN"} <= set(names)
    assert [a.args["command"] for a in found.say] == [
        f"{names['KILL_LOOP']} cows none 20",
        names["BANK_OPEN"],
    ]
    line = found.messages()[-2].content.splitlines()[1]
    assert f"[{names['KILL_LOOP']} npc food kills | reply | {names['BANK_OPEN']} | get_game_state" in line
    assert "KILL_LOOP" not in line
    assert found.expect == ()


@pytest.mark.parametrize("seed", range(20))
def test_made_up_names_are_distinct_and_not_declared(seed):
    names = renamed(row(offered=tuple(COMMANDS)[:40], say=(), expect=()), random.Random(seed)).meta["renamed"]
    assert not set(names.values()) & set(COMMANDS)
    assert len(set(names.values())) == len(names)


def test_rows_that_cannot_be_renamed_stay():
    rng = random.Random(0)
    assert renamed(row(offered=()), rng) is None
    assert renamed(row(offered=("KILL_LOOP", "reply")), rng) is None  # BANK_OPEN has no card
    plain = [row(offered=())] * 5
    assert list(renaming(plain, 1.0, rng)) == plain
    same = [row()] * 5
    assert list(renaming(same, 0.0, rng)) == same


def test_a_renamed_row_is_for_training_alone():
    found = renamed(row(), random.Random(0))
    assert cases_of([found]) == []
    assert families_of(found) == families_of(row())
    with pytest.raises(Unfit):
        from_row(found, "lowered")
    assert from_row(found).chosen.tool_calls


def test_a_build_renames_its_share_of_training_rows_only(dataset):
    made_up = [r for r in dataset.train if "renamed" in r.meta]
    assert 60 <= len(made_up) <= 110
    assert dataset.manifest["train"]["renamed"] == len(made_up)
    assert not any("renamed" in r.meta for r in dataset.test)
    assert dataset.manifest["certificate"]["passes"]
    for r in made_up:
        trained = next(segment.text for segment in r.segments() if segment.train)
        turn = DIALECTS["hermes"].parse(trained.removesuffix("<|im_end|>"))
        assert [(c.tool, dict(c.parsed)) for c in turn.calls] == [(a.tool, dict(a.args)) for a in r.say]


def test_what_is_missing_is_what_the_gate_found(dataset):
    rows = [r for r in (*dataset.train, *dataset.test) if r.mix_kind == "prerequisite"]
    assert rows
    for r in rows:
        call = r.failed[0].tool_calls[0]
        result = Toolbox(Simulator(seed=0, start=r.state)).call(call)
        assert result.status == "blocked"
        assert result.content["error"] in r.reply
        assert '"blocked"' in r.failed[1].content
        assert not r.say
    assert cases_of(rows) == []  # no call is due only after the one that was blocked


def test_nothing_is_blocked_where_nothing_can_be_missing():
    assert blocked(row(say=(Action("send_command", {"command": "STOP"}),))) is None


def test_pairs_are_made_of_rows_with_declared_verbs():
    source = training_rows(random.Random(0))
    for _ in range(30):
        assert "renamed" not in next(source).meta


def test_the_card_of_a_name_that_is_not_declared_is_that_name():
    assert card("SLAY_RUN npc food kills") == "SLAY_RUN npc food kills"
