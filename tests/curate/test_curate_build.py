"""The phrasebook, the rows made of it, and the split."""

import random
import re
from dataclasses import replace

import pytest

from enactor.curate import BuildConfig, Row, build, phrasebook, read_rows, templates
from enactor.curate.fillings import CALLS, ORDERS
from enactor.curate.noise import typo
from enactor.curate.slots import SINGULAR, SLOT_TYPES, Filler, plural
from enactor.curate.synthesize import Funnel, make_row, tool_action
from enactor.errors import EnactorError
from enactor.prompt import DIALECTS
from enactor.trace import judge
from enactor.world import COMMANDS, TOOLS, GameState, lower, parse


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return build(BuildConfig(rows=600, test_rows=120, out=tmp_path_factory.mktemp("data")))


def test_every_slot_of_the_phrasebook_is_declared():
    used = {
        SINGULAR.get(slot, slot)
        for group in phrasebook()
        for text in (*group.say, *group.do)
        for slot, _ in re.findall(r"\{([a-z_]+?)(\d*)\}", text)
    }
    assert used <= SLOT_TYPES


def test_every_verb_and_tool_of_the_phrasebook_is_declared():
    for group in phrasebook():
        for line in group.do:
            head = line.split()[0]
            assert head.removeprefix("@") in TOOLS if head.startswith("@") else head in COMMANDS, group.id


def test_orders_and_calls_that_are_spoken_of_are_whole():
    used = {
        slot for text in (*CALLS, *(rest for _, _, rest in ORDERS)) for slot in re.findall(r"{(\w+)}", text)
    }
    assert {SINGULAR.get(slot, slot) for slot in used} <= SLOT_TYPES
    assert {line.split()[0] for line in CALLS} <= set(COMMANDS)
    filler = Filler(random.Random(5), {"inventory": ["Tuna x2", "Iron pickaxe"]})
    for _ in range(200):
        order, doing, call = (filler(slot).said for slot in ("order", "doing", "call"))
        assert "{" not in order + doing
        assert any(order.startswith(verb) for verb, _, _ in ORDERS)
        assert any(doing.startswith(ing) for _, ing, _ in ORDERS)
        assert any(verb in call for verb in COMMANDS)


def test_the_phrasebook_is_broad():
    assert len(templates()) > 10_000


def test_no_phrasing_stands_in_both_splits(dataset):
    assert dataset.manifest["template_overlap"] == 0
    assert all(t.held_out for t in templates() if t.key in {r.template for r in dataset.test})


def test_the_same_configuration_gives_the_same_bytes(dataset, tmp_path):
    again = build(BuildConfig(rows=600, test_rows=120, out=tmp_path))
    assert again.manifest["train"]["hash"] == dataset.manifest["train"]["hash"]


def test_what_a_row_teaches_parses_and_lowers(dataset):
    for row in dataset.train:
        for action in () if "renamed" in row.meta else row.say:
            if action.tool == "send_command":
                parse(action.args["command"])
        for action in row.expect:
            if action.tool == "send_command":
                lower(parse(action.args["command"]), GameState.from_case(row.state))


def test_only_the_last_turn_is_trained_and_reads_back(dataset):
    for row in dataset.train[:200]:
        trained = [segment.text for segment in row.segments() if segment.train]
        assert len(trained) == 1
        turn = DIALECTS["hermes"].parse(trained[0].removesuffix("<|im_end|>"))
        assert turn.well_formed
        assert [(c.tool, dict(c.parsed)) for c in turn.calls] == [(a.tool, dict(a.args)) for a in row.say]


def test_the_calls_of_earlier_turns_can_be_trained_too(dataset):
    more = 0
    for row in dataset.train[:300]:
        trained = [segment.text for segment in row.segments(earlier=True) if segment.train]
        called = [m for m in row.history if m.role == "assistant" and m.tool_calls]
        assert len(trained) == len(called) + 1
        assert all(text.startswith("<tool_call>") for text in trained[:-1])
        more += len(called)
    assert more
    recorded = replace(row, meta={**row.meta, "recorded": "h1:0"}, history=dataset.train[0].history)
    assert recorded.segments(earlier=True) == recorded.segments()


def test_rows_survive_their_file(dataset, tmp_path):
    path = tmp_path / "rows.jsonl"
    from enactor.curate import write_rows

    write_rows(path, dataset.train)
    assert [r.to_json() for r in read_rows(path)] == [r.to_json() for r in dataset.train]
    assert all(isinstance(r, Row) for r in read_rows(path))


def test_a_torn_line_is_an_error_with_its_number(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"schema": 1, "mess', encoding="utf-8")
    with pytest.raises(EnactorError, match=r"rows\.jsonl:1"):
        list(read_rows(path))


def test_recovery_rows_show_a_real_refusal_and_do_not_train_it(dataset):
    rows = [row for row in dataset.train if row.meta.get("recovery")]
    assert rows
    for row in rows:
        assert any('"error"' in message.content for message in row.failed if message.role == "tool")


def test_words_are_copied_as_they_were_said():
    template = next(t for t in templates() if t.text == "kill {n} {npcs}")
    for seed in range(30):
        row = make_row(template, random.Random(seed), Funnel())
        if row is None:
            continue
        verb, npc, food, count = row.say[0].args["command"].split()
        assert (verb, food) == ("KILL_LOOP", "none")
        said = row.message.replace(" ", "_")
        assert npc in said
        assert count in said


@pytest.mark.parametrize(
    ("one", "many"),
    [("cow", "cows"), ("wolf", "wolves"), ("dwarf", "dwarves"), ("imp", "imps"), ("fly", "flies")],
)
def test_plurals(one, many):
    assert plural(one) == many


def test_a_typo_keeps_the_first_letter_and_short_words():
    rng = random.Random(0)
    assert typo("cow", rng) == "cow"
    assert all(typo("goblin", rng)[0] == "g" for _ in range(50))


def test_no_reply_of_the_phrasebook_claims_or_describes_an_act():
    wrong = [
        (template.group.id, reply, verdict.evidence)
        for template in templates()
        for reply in template.group.reply
        if (verdict := judge(template.text, (reply,), (), reply, verbs=COMMANDS)).outcome
        in ("claimed", "described", "failed")
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("line", "args"),
    [
        ("@run_routine cow killer 20", {"routine_path": "cow killer", "loops": 20}),
        ("@run_routine chicken killer three hundred", {"routine_path": "chicken killer", "loops": 300}),
        ("@run_routine iron bar", {"routine_path": "iron bar"}),
    ],
)
def test_the_rounds_of_a_routine_may_be_several_words(line: str, args: dict[str, object]) -> None:
    assert tool_action(line).args == args
