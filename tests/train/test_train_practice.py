"""Answers carried out: the reward, rejection sampling, and GRPO on a tiny model."""

import json
import random
from itertools import islice

import pytest
from rich.console import Console

from enactor.curate.mix import by_kind, draws
from enactor.curate.rejected import training_rows
from enactor.curate.rows import read_rows, write_rows
from enactor.curate.synthesize import Funnel
from enactor.errors import EnactorError
from enactor.evaluate import scenarios
from enactor.models import ScriptedEngine
from enactor.prompt import DIALECTS, render_turn, tool_call
from enactor.train import Recipe, RowsError, train
from enactor.train.grpo import rewards
from enactor.train.judge import Judge, judgeable, prompt_of
from enactor.train.plans import RejectionPlan, RewardWeights
from enactor.train.rejection import rejection
from enactor.train.sampling import draw, requests, rows_of
from enactor.train.scenario_judge import ScenarioJudge, scenario_rows
from enactor.world.phrasebook import templates

pytestmark = pytest.mark.train
HERMES = DIALECTS["hermes"]


def _turn(*lines: str) -> str:
    return render_turn("", (tool_call("send_command", {"command": line}) for line in lines), HERMES)


@pytest.fixture(scope="module")
def rows():
    rng = random.Random(11)
    found = [row for row in islice(training_rows(rng), 60) if not row.history]
    return list(judgeable(found))


@pytest.fixture(scope="module")
def due(rows):
    """A row with one command whose goal is reached by the right answer."""
    for row in rows:
        if len(row.say) == 1 and row.say[0].tool == "send_command":
            judged = Judge(row)(render_turn("", (tool_call(a.tool, a.args) for a in row.say), HERMES))
            if judged.reached:
                return row
    raise AssertionError("no such row")


@pytest.fixture(scope="module")
def quiet():
    """A row that asks for no call."""
    found = by_kind(t for t in templates() if t.group.kind == "chat" and not t.held_out)
    return next(row for row in draws(found["chat"], random.Random(1), Funnel()) if row and not row.history)


def _right(row) -> str:
    return render_turn("", (tool_call(a.tool, a.args) for a in row.say), HERMES)


def test_the_right_answer_is_worth_most_and_talk_least(due):
    judge, weights = Judge(due), RewardWeights()
    line = due.say[0].args["command"]
    right = judge(_right(due))
    assert (right.reward.format, right.reward.verb, right.reward.operands, right.reward.goal) == (1, 1, 1, 1)
    more = judge(_turn(line, "BANK_OPEN"))
    wrong = judge(_turn("TAB_OPEN inventory"))
    nothing = judge("hello there")
    described = judge(f'I would send {{"name": "send_command", "arguments": {{"command": "{line}"}}}}')
    claimed = judge("Done! I have started it.")
    assert not more.reached
    assert more.reward.operands == 0.5
    assert (wrong.reward.format, wrong.reward.verb, wrong.reward.goal) == (1, 0, 0)
    assert nothing.reward.format == 0
    assert described.reward.format == claimed.reward.format == -1
    totals = [one.reward.total(weights) for one in (right, more, wrong, nothing, described)]
    assert totals == sorted(totals, reverse=True)
    assert totals[0] > totals[1]
    assert totals[-2] > totals[-1]


def test_where_no_call_is_due_any_call_is_punished(quiet):
    judge = Judge(quiet)
    assert judge(quiet.reply).reward.format == 1
    assert judge(_turn("BANK_OPEN")).reward.format == -1
    assert judge(_turn("BANK_OPEN")).reward.goal == 0


def test_rows_that_cannot_be_carried_out_are_not_asked(rows, due):
    from dataclasses import replace

    assert not list(judgeable([replace(due, message="KILL_LOOP Cow none 5")]))
    assert not list(judgeable([replace(due, meta={"renamed": {"GOTO": "WALK"}})]))
    assert prompt_of(due).endswith("<|im_start|>assistant\n")


def test_what_reached_the_goal_is_kept_shortest_first(rows, due, quiet):
    plan = RejectionPlan(requests=2, samples=3, keep=1)
    line = due.say[0].args["command"]
    other = next(r for r in rows if r.say and r != due)
    judges, kept = requests([quiet, due, other], plan)
    assert [judge.row for judge in judges] == [due, other]
    assert kept == [quiet]
    twice = f"{_right(due)}\n{_right(due)}"
    engine = ScriptedEngine([twice, _right(due), "no", _turn("TAB_OPEN inventory"), "no", "no"])
    drawn = list(draw(engine, judges, plan, seed=0))
    assert drawn[0].right[0] == _right(due)
    assert drawn[0].distinct == 3
    assert drawn[1].right == ()
    made, counts = rows_of(drawn, judges, plan)
    assert [row.say[0].args["command"] for row in made] == [line]
    assert counts["solved"] == counts["unsolved"] == 1
    made, counts = rows_of(drawn, judges, plan.model_copy(update={"unsolved": "answer"}))
    assert made[1] == other
    assert engine.prompts[0] == prompt_of(due)


def test_a_scenario_is_asked_as_the_controller_asks_it():
    family = next(iter(scenarios().values())).family
    for scenario, row in islice(scenario_rows([family]), 3):
        engine = ScriptedEngine([""])
        from enactor.agent import Controller
        from enactor.evaluate import play_scenario

        def player(say, toolbox, solution, engine=engine):
            return Controller(engine, toolbox, ladder=False, recover=False).handle(say).steps

        play_scenario(scenario, player)
        assert engine.prompts[0] == prompt_of(row)
        lines = [step for step in scenario.solution if isinstance(step, str)]
        judged = ScenarioJudge(scenario, row)(_turn(*lines))
        assert judged.reward.verb == 0
        if len(lines) == len(scenario.solution):
            assert judged.reached
    with pytest.raises(EnactorError, match="no scenarios of dancing"):
        list(scenario_rows(["dancing"]))


@pytest.fixture
def small(recipe):
    values = recipe.model_dump(exclude={"preference", "rejection", "grpo"})
    return Recipe(
        **{**values, "method": "rejection", "rejection": {"requests": 3, "samples": 2}, "max_length": 2000}
    )


def test_rejection_goes_on_where_it_was_killed(small, rows, tmp_path):
    pytest.importorskip("trl")
    asked = [row for row in rows if row.say][:3]
    answers = {prompt_of(row): _right(row) for row in asked}
    whole = ScriptedEngine(lambda prompt: answers[prompt])

    class Dies(ScriptedEngine):
        def complete(self, prompt, **options):
            if len(self.prompts) == 3:
                raise KeyboardInterrupt
            return super().complete(prompt, **options)

    quiet = Console(quiet=True)
    with pytest.raises(KeyboardInterrupt):
        rejection(small, asked, tmp_path / "a", console=quiet, engine=Dies(lambda p: answers[p]))
    with (tmp_path / "a" / "sampled" / "samples.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"number": 1, "ri')
    rest = ScriptedEngine(lambda prompt: answers[prompt])
    rejection(small, asked, tmp_path / "a", console=quiet, engine=rest)
    assert len(rest.prompts) == 4  # the first request was not asked again
    rejection(small, asked, tmp_path / "b", console=quiet, engine=whole)
    for name in ("sampled/train.jsonl", "adapter_model.safetensors"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    report = json.loads((tmp_path / "a" / "sampled" / "report.json").read_text("utf-8"))
    assert report["kept"] == sum(Judge(row)(_right(row)).reached for row in asked)
    assert all(
        row.meta["sampled"] for row in read_rows(tmp_path / "a" / "sampled" / "train.jsonl") if row.say
    )


def test_nothing_right_is_told(small, rows, tmp_path):
    pytest.importorskip("trl")
    asked = [row for row in rows if row.say][:2]
    with pytest.raises(RowsError, match="none of 4 answers reached its goal"):
        rejection(small, asked, tmp_path, console=Console(quiet=True), engine=ScriptedEngine(lambda p: "no"))


def test_sampling_without_a_gguf_says_so(small, rows, tmp_path):
    with pytest.raises(EnactorError, match="needs a GGUF"):
        rejection(small, rows, tmp_path, console=Console(quiet=True))


def test_rewards_are_those_of_the_judge(due, quiet):
    judges = [Judge(due), Judge(quiet)]
    parts = rewards(judges)
    assert list(parts) == ["format", "verb", "operands", "goal"]
    found = parts["format"](completions=[_right(due), "ok", _turn("STOP")], number=[0, 1, 1], prompts=[])
    assert found == [1.0, 1.0, -1.0]


def test_grpo_practises_in_the_simulator(recipe, rows, tmp_path):
    pytest.importorskip("trl")
    values = recipe.model_dump(exclude={"preference", "rejection", "grpo"})
    plan = {"requests": 2, "group": 4, "steps": 2, "max_tokens": 8}
    made = Recipe(**{**values, "method": "grpo", "grpo": plan, "batch": 8, "max_length": 2000})
    write_rows(tmp_path / "rows.jsonl", rows[:4])
    train(made, tmp_path / "rows.jsonl", tmp_path / "out", console=Console(quiet=True))
    lines = [json.loads(line) for line in (tmp_path / "out" / "curves.jsonl").read_text("utf-8").splitlines()]
    assert len(lines) == 2
    assert lines[1]["tokens"] > lines[0]["tokens"] > 0
    for line in lines:
        assert {"reward", "reward_std", "rewards/format/mean", "rewards/goal/mean"} <= set(line)
        assert -1 <= line["rewards/format/mean"] <= 1
    assert (tmp_path / "out" / "adapter_model.safetensors").is_file()
    with pytest.raises(RowsError, match="a step takes 2"):
        train(made, rows[:1], tmp_path / "few", console=Console(quiet=True))
