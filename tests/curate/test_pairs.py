"""Preference pairs: the rejected answer is wrong in the way that the reason says."""

import itertools
import random
from collections import Counter

import pytest
from recorded import request

from enactor.curate.gather import Selection, finished
from enactor.curate.pairs import (
    REASONS,
    Pair,
    compare,
    log_pairs,
    sampled_pairs,
    write_pairs,
)
from enactor.curate.quality import FilterReport
from enactor.curate.rejected import WANTED, template_pairs, training_rows
from enactor.models import ScriptedEngine
from enactor.prompt import DIALECTS
from enactor.trace import judge
from enactor.world import COMMANDS
from enactor.world.phrasebook import templates


@pytest.fixture(scope="module")
def pairs():
    rng = random.Random(0)
    return list(template_pairs(training_rows(rng), WANTED, rng))


def test_there_are_enough_of_every_reason(pairs):
    counts = Counter(pair.reason for pair in pairs)
    assert counts == Counter(WANTED)
    assert sum(counts.values()) >= 500


def test_what_is_rejected_is_wrong_as_the_reason_says(pairs):
    for pair in pairs:
        if pair.rejected.text:
            seen = judge(pair.row.message, [pair.rejected.text], (), pair.rejected.text, verbs=COMMANDS)
            assert seen.outcome == pair.reason
        else:
            assert compare(pair.row, pair.rejected.calls) == pair.reason


def test_nothing_held_out_is_used(pairs):
    held = {t.key for t in templates() if t.held_out}
    assert not held & {pair.row.template for pair in pairs}


def test_the_right_answer_is_no_wrong_one(pairs):
    assert all(compare(pair.row, pair.row.say) is None for pair in pairs if pair.row.say)


def test_texts_begin_alike_and_end_in_two_turns(pairs):
    for pair in pairs[:50]:
        prompt, chosen, rejected = pair.texts()
        assert prompt.endswith("<|im_start|>assistant\n")
        assert chosen != rejected
        assert "<tool_call>" in chosen or not pair.row.say


def test_pairs_survive_their_file_and_repeat(pairs, tmp_path):
    first = write_pairs(tmp_path / "a.jsonl", pairs)
    again = random.Random(0)
    second = write_pairs(tmp_path / "b.jsonl", template_pairs(training_rows(again), WANTED, again))
    assert first == second
    assert (tmp_path / "a.jsonl").read_bytes() == (tmp_path / "b.jsonl").read_bytes()
    assert Pair.from_json(pairs[0].to_json()).to_json() == pairs[0].to_json()
    assert write_pairs(tmp_path / "c.jsonl", [*pairs[:3], *pairs[:3]])[1].total() == 6  # reason and origin


def test_pairs_from_a_fake_and_its_retry():
    traces = (
        request("Kill loop giant frog 300", reply="Started the kill loop.", outcome="claimed"),
        request("kill loop giant frog 300", "KILL_LOOP Giant_frog none 300", minute=1),
        request("kill 5 cows", "FIGHT Cow none 5", minute=60),
        request("grind frogs", "KILL_LOOP Frog Tuna 300", minute=120),
    )
    found = finished(((t, None) for t in traces), Selection(), FilterReport())
    made = list(log_pairs(found))
    assert [(pair.reason, pair.origin) for pair in made] == [
        ("claimed", "log"),
        ("wrong verb", "log"),
        ("wrong operand", "log"),
    ]
    assert made[0].rejected.text == "Started the kill loop."
    assert made[0].row.say[0].args["command"] == "KILL_LOOP Giant_frog none 300"


def test_pairs_from_what_a_model_says():
    rows = [row for row in itertools.islice(training_rows(random.Random(2)), 60) if len(row.say) == 1]
    row = next(r for r in rows if r.say[0].tool == "send_command" and r.expect)
    right = Pair(row, None, "described", "").chosen.render(DIALECTS["hermes"])
    answers = [
        right,
        "Done! I have started it.",
        f"```json\n{right.split(chr(10))[1]}\n```",
        '<tool_call>\n{"name": "send_command", "arguments": {"command": "PAUSE"}}\n</tool_call>',
        "I cannot do that.",
        "I cannot do that.",
    ]
    made = list(sampled_pairs(ScriptedEngine(answers), [row], samples=6))
    assert [pair.reason for pair in made] == ["claimed", "described", "wrong verb", "no call"]
    assert {pair.reason for pair in made} <= set(REASONS)


def test_an_answer_that_was_cut_off_is_no_mistake():
    row = next(row for row in itertools.islice(training_rows(random.Random(2)), 200) if len(row.say) == 2)
    right = Pair(row, None, "described", "").chosen.render(DIALECTS["hermes"])
    wrong = "Here is what I would do: nothing at all."
    assert list(sampled_pairs(ScriptedEngine([right]), [row])) == []
    assert list(sampled_pairs(ScriptedEngine([right]), [row], max_tokens=3)) == []
    assert len(list(sampled_pairs(ScriptedEngine([wrong]), [row]))) == 1
    assert list(sampled_pairs(ScriptedEngine([wrong]), [row], max_tokens=3)) == []
