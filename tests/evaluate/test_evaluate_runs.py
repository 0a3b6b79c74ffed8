"""A run on disk: plays, what is kept of them, going on after a kill, and the figures of it all."""

import json
import math
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from enactor.errors import EnactorError
from enactor.evaluate.again import Again, said_before
from enactor.evaluate.drive import drive, head, todo
from enactor.evaluate.folder import RunFolder, read_head, slug
from enactor.evaluate.metrics import comparisons, figures
from enactor.evaluate.named import parse_policy
from enactor.evaluate.plays import Play, play_item
from enactor.evaluate.rules import player_words
from enactor.evaluate.run import Policy
from enactor.evaluate.suite import Suite, load_suite
from enactor.models import ScriptedEngine
from enactor.models.engine import Completion, EngineError, PromptTooLong
from enactor.prompt import DIALECTS, tool_call

FEW = load_suite("robust").first(12)
CALL = DIALECTS["hermes"].render_calls([tool_call("send_command", {"command": "KILL_LOOP Cow none 50"})])


class Sure:
    """A real engine's answer has a probability and tokens; this one's are set."""

    name = "sure"

    def __init__(self, text, logprob=-0.5):
        self.text, self.logprob, self.asked = text, logprob, []

    def complete(self, prompt, **options):
        self.asked.append(options)
        return Completion(self.text, 100, 20, 0.01, self.logprob)

    def cancel(self):
        pass

    def close(self):
        pass


def run(tmp_path, policy, suite=FEW, trials=0, slots=2):
    folder = RunFolder(tmp_path, head(suite, {policy.name: {"model": policy.name}}, {}))
    drive(policy, todo(folder, policy.name, suite, trials), folder, slots=slots)
    return folder


def case(name, message="kill 50 cows", **changes):
    cows = next(c for c in load_suite("robust").cases if c.group == "cows-no-count")
    return replace(cows, id=name, message=message, group="", **changes)


def steady(play: Play) -> Play:
    asked = tuple({k: v for k, v in one.items() if k != "ms"} for one in play.asked)
    score = {k: v for k, v in (play.score or {}).items() if k != "latency_ms"}
    return replace(play, latency_ms=0, asked=asked, score=score)


def test_a_play_keeps_prompt_answer_and_verdict():
    engine = Sure(CALL)
    play = play_item(Policy("sure", engine), case("a", expect=()), 0)
    assert (play.passed, play.progress, play.logprob) == (False, None, -0.5)
    assert play.asked[0]["prompt"].endswith("<|im_start|>assistant\n")
    assert play.asked[0]["text"] == CALL
    assert play.steps[0]["call"] == "KILL_LOOP Cow none 50"
    assert play.steps[0]["status"] == "ok"
    assert (play.prompt_tokens, play.completion_tokens) == (100, 20)
    assert Play.from_json(json.loads(json.dumps(play.to_json()))) == play
    assert engine.asked[0]["temperature"] == 0.0


def test_trials_are_sampled_with_seeds_of_their_own():
    engine = Sure("hello")
    seeds = set()
    for trial in (0, 1, 2):
        play_item(Policy("sure", engine), case("a"), trial)
        seeds.add(engine.asked[-1]["seed"])
    assert [one["temperature"] for one in engine.asked] == [0.0, 0.7, 0.7]
    assert len(seeds) == 3


def test_any_accepted_answer_is_right():
    group = [c for c in FEW.cases if c.accept]
    one = group[0]
    for answer in one.answers:
        text = DIALECTS["hermes"].render_calls([tool_call(a.tool, a.args) for a in answer])
        assert play_item(Policy("key", Sure(text)), one).passed
    assert not play_item(Policy("key", Sure("Sure, on it!")), one).passed


def test_a_call_and_none_may_both_be_right():
    one = case("a", message="kill cows", expect=(), accept=(case("b").expect,))
    quiet = play_item(Policy("quiet", Sure("How many?")), one)
    acting = play_item(Policy("cows", Sure(CALL.replace(" 50", ""))), one)
    wrong = play_item(Policy("wrong", Sure(CALL.replace("Cow none 50", "Chicken none"))), one)
    assert (quiet.passed, acting.passed, wrong.passed) == (True, True, False)
    assert (quiet.score["quiet"], acting.score["called"], wrong.score["operands"]) == (True, True, False)


def test_what_a_grammar_made_is_forced_and_never_raw():
    made = play_item(Policy("sure", Sure(CALL), grammar=True), case("a"))
    assert set(made.origins) == {"forced"}
    found = figures([made])
    assert found["executed"].value == 1
    assert found["executed_raw"].value == 0
    assert found["executed_repaired"].value == 0


def test_a_scenario_is_judged_by_its_goals():
    core = load_suite("core")
    one = next(s for s in core.scenarios if s.id == "close_it")
    text = DIALECTS["hermes"].render_calls([tool_call("send_command", {"command": "BANK_CLOSE"})])
    made = play_item(Policy("key", Sure(text)), one)
    assert (made.task, made.passed, made.progress, made.open) == ("scenario", True, 1.0, ())
    idle = play_item(Policy("key", Sure("Closed it!")), one)
    assert (idle.passed, idle.progress, idle.open) == (False, 0.0, one.goal)


def test_the_same_run_gives_the_same_plays(tmp_path):
    """Greedy, whatever the number of slots."""
    policy = Policy("words", ScriptedEngine(lambda prompt: CALL if "cow" in player_words(prompt) else "ok"))
    one = sorted(map(steady, run(tmp_path / "a", policy).plays("words")), key=lambda play: play.item)
    two = sorted(map(steady, run(tmp_path / "b", policy, slots=1).plays("words")), key=lambda p: p.item)
    assert one == two


def test_a_torn_line_is_played_again_and_nothing_twice(tmp_path):
    policy = Policy("sure", Sure("ok"))
    folder = run(tmp_path, policy)
    path = folder.file("sure")
    whole = path.read_bytes()
    path.write_bytes(whole[:-40])
    folder = RunFolder(tmp_path, folder.head)
    missing = todo(folder, "sure", FEW, 0)
    assert len(missing) == 1
    drive(policy, missing, folder)
    assert len(folder.plays("sure")) == len(FEW.cases)
    assert todo(folder, "sure", FEW, 0) == []
    assert len(todo(folder, "sure", FEW, 2)) == 2 * len(FEW.cases)


def test_an_engine_that_fails_ends_the_run_and_keeps_what_was_played(tmp_path):
    policy = Policy("short", ScriptedEngine(["ok", "ok", "ok"]), ladder=False, recover=False)
    with pytest.raises(EnactorError, match="ended after"):
        run(tmp_path, policy, slots=1)
    folder = RunFolder(tmp_path, read_head(tmp_path))
    assert len(folder.plays("short")) == 3


def test_what_is_broken_off_is_not_kept(tmp_path):
    """Ctrl-C, or another play's failure, cancels what is under way: its answer counts for nothing."""
    cancelled = threading.Event()

    class Slow(Sure):
        def complete(self, prompt, **options):
            self.asked.append(options)
            if len(self.asked) == 1:
                cancelled.wait(20)
                return Completion("")
            raise EngineError("gone")

        def cancel(self):
            cancelled.set()

    with pytest.raises(EngineError, match="gone"):
        run(tmp_path, Policy("slow", Slow("")), slots=2)
    assert RunFolder(tmp_path, read_head(tmp_path)).plays("slow") == []


def test_a_prompt_that_does_not_fit_has_failed():
    class Small(Sure):
        def complete(self, prompt, **options):
            raise PromptTooLong("too long")

    made = play_item(Policy("small", Small("")), case("a"))
    assert (made.passed, made.outcome, made.reply, made.asked) == (False, "failed", "too long", ())
    task = load_suite("core").scenarios[0]
    assert not play_item(Policy("small", Small("")), task).passed


KILLED = """
import sys, time
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_evaluate_runs import FEW, run
from enactor.evaluate.run import Policy
from enactor.models import ScriptedEngine
def slow(prompt):
    time.sleep(0.15)
    return "ok"
run(Path({folder!r}), Policy("slow", ScriptedEngine(slow)), slots=1)
"""


def test_a_killed_run_goes_on(tmp_path):
    code = KILLED.format(tests=str(Path(__file__).parent), folder=str(tmp_path))
    process = subprocess.Popen([sys.executable, "-c", code])
    plays = tmp_path / "plays" / "slow.jsonl"
    deadline = time.monotonic() + 60
    while not (plays.is_file() and plays.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    folder = RunFolder(tmp_path, read_head(tmp_path))
    done = len(folder.plays("slow"))
    left = todo(folder, "slow", FEW, 0)
    assert 0 < done < len(FEW.cases)
    assert len(left) == len(FEW.cases) - done
    drive(Policy("slow", Sure("ok")), left, folder)
    assert todo(folder, "slow", FEW, 0) == []


def test_a_folder_takes_one_run_only(tmp_path):
    one = head(FEW, {"a": {"sha256": "1"}}, {"a": "uncertified"})
    RunFolder(tmp_path, one)
    both = RunFolder(tmp_path, head(FEW, {"b": {"sha256": "2"}}, {"b": "certified"}))
    assert set(both.head["policies"]) == {"a", "b"}
    assert both.head["started"] == one["started"]
    with pytest.raises(EnactorError, match="another 'a'"):
        RunFolder(tmp_path, head(FEW, {"a": {"sha256": "3"}}, {}))
    with pytest.raises(EnactorError, match="holds a run with hash"):
        RunFolder(tmp_path, head(FEW.first(3), {}, {}))
    (tmp_path / "run.json").write_text("{", encoding="utf-8")
    with pytest.raises(EnactorError, match="is no run"):
        RunFolder(tmp_path, one)


def test_a_broken_line_is_told_with_its_number(tmp_path):
    folder = run(tmp_path, Policy("sure", Sure("ok")), FEW.first(2))
    path = folder.file("sure")
    path.write_bytes(b"{}\n" + path.read_bytes())
    with pytest.raises(EnactorError, match=r"sure\.jsonl:1: not a play"):
        folder.plays("sure")


def test_groups_agree_when_all_members_call_the_same(tmp_path):
    suite = Suite("t", 1, "", load_suite("robust").cases[:9])
    plays = run(tmp_path, Policy("ok", Sure("ok")), suite).plays("ok")
    found = figures(plays)
    assert found["agree"].value == 1  # all of them did nothing
    assert found["agree_right"].value == 0
    odd = [replace(plays[0], got=("STOP",)), *plays[1:]]
    assert figures(odd)["agree"].value < 1


def test_figures_of_trials_and_confidence(tmp_path):
    suite = Suite("t", 1, "", (case("a"), case("b", expect=())))
    policy = Policy("sure", Sure(CALL, math.log(0.25)))
    found = figures(run(tmp_path, policy, suite, trials=8).plays("sure"))
    assert found["pass^1"].n == 2
    assert {found[f"pass^{k}"].value for k in (1, 4, 8)} == {0.0}  # 50 were not asked for
    assert found["calibration"].value == pytest.approx(0.25)
    assert found["area"].value == 1.0
    assert found["prompt_tokens"].value == 100
    assert found["latency_p50"].low <= found["latency_p50"].value <= found["latency_p50"].high
    assert "agree" not in found


def test_two_policies_on_the_same_cases(tmp_path):
    key = {c.message: c for c in FEW.cases}

    def answer(prompt):
        expect = key[player_words(prompt)].expect
        return DIALECTS["hermes"].render_calls([tool_call(a.tool, a.args) for a in expect])

    plays = {
        "idle": run(tmp_path / "a", Policy("idle", Sure("ok", None))).plays("idle"),
        "key": run(tmp_path / "b", Policy("key", ScriptedEngine(answer))).plays("key"),
    }
    assert figures(plays["key"])["passed"].value == 1
    assert "calibration" not in figures(plays["idle"])
    found = {one.key: one for one in comparisons(plays)}
    assert found["passed"].found.difference == 1
    assert (found["passed"].found.only_first, found["passed"].found.only_second) == (0, 12)
    assert found["passed"].found.p == pytest.approx(2 / 2**12)
    assert found["passed"].adjusted >= found["passed"].found.p
    assert found["latency"].found.only_first is None
    sample = {**plays, "sample": plays["key"][:4]}
    pairs = [(one.first, one.second, one.found.n) for one in comparisons(sample) if one.key == "passed"]
    assert pairs == [("idle", "key", 12), ("idle", "sample", 4)]


def test_what_the_same_weights_said_is_read_back_with_the_time_it_took(tmp_path):
    """Of two policies on the same weights the second decodes nothing; one on others does."""
    suite = Suite("t", 1, "", (case("a"), case("b", message="slay fifty cows")))
    identities = {name: {"sha256": "1"} for name in ("tuned", "tuned+raw")} | {"other": {"sha256": "2"}}
    folder = RunFolder(tmp_path, head(suite, identities, {}))

    def played(name, engine, **changes):
        again = Again(engine, said_before(folder, name))
        drive(Policy(name, again, **changes), todo(folder, name, suite, 1), folder)
        return folder.plays(name)

    class Timed(Sure):
        def complete(self, prompt, **options):
            done = super().complete(prompt, **options)
            return replace(done, seconds=0.75, tokens=((self.text, -0.5),))

    first, second, other = Timed(CALL, -0.5), Timed("no"), Timed("no")
    before, after = played("tuned", first), played("tuned+raw", second, ladder=False, recover=False)
    assert {options["temperature"] for options in second.asked} == {0.7}
    assert [p.asked for p in after if not p.trial] == [p.asked for p in before if not p.trial]
    assert all(750 <= p.latency_ms < 1500 for p in after if not p.trial)
    played("other", other)
    assert {options["temperature"] for options in other.asked} == {0.0, 0.7}
    assert said_before(RunFolder(tmp_path / "b", head(suite, {"x": {}}, {})), "x") == {}
    prompt = before[0].asked[0]["prompt"]
    again = Again(other, said_before(folder, "tuned"))
    assert again.complete(prompt).tokens == ((CALL, -0.5),)
    assert again.complete(prompt, grammar="root ::= .").text == "no"
    assert again.complete(prompt, max_tokens=3).text == "no"
    asked = len(other.asked)
    assert again.complete(prompt, grammar="root ::= .").text == "no"
    assert len(other.asked) == asked


def test_the_probability_is_that_of_what_was_decided():
    """The first try's where the second made the call free, the forced one's where that made it."""

    class Says(Sure):
        def __init__(self, *said):
            self.said = list(said)

        def complete(self, prompt, **options):
            return Completion(*self.said.pop(0))

    found = play_item(Policy("p", Says(("<tool_call>", 9, 1, 0.0, -3.0), (CALL, 9, 9, 0.0, -1.0))), case("a"))
    assert found.origins == ("forced",)
    assert found.logprob == -1.0
    assert [one["grammar"] is None for one in found.asked] == [True, False]
    talk = play_item(Policy("p", Says(("ok", 9, 1, 0.0, -3.0))), case("a", expect=()))
    assert talk.logprob == -3.0
    assert "calibration" not in figures([talk])
    assert figures([found])["calibration"].n == 1


def test_policies_by_name():
    assert parse_policy("default") == parse_policy(" default ")
    raw = parse_policy("base+raw")
    assert (raw.model, raw.ladder, raw.recover, raw.grammar) == ("base", False, False, False)
    both = parse_policy("runs/a+b/adapter+once+grammar")
    assert (both.model, both.variants) == ("runs/a+b/adapter", ("once", "grammar"))
    assert (both.ladder, both.recover, both.grammar) == (True, False, True)
    assert parse_policy("ollama:qwen2.5:14b+described").described
    for wrong in ("", "+raw", "rules+raw"):
        with pytest.raises(EnactorError):
            parse_policy(wrong)
    assert slug("ollama:qwen2.5:14b+raw") == "ollama_qwen2.5_14b+raw"
