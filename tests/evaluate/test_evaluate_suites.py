"""The suites as data: they load, they are what their version says, and every right call is right."""

import json
from collections import Counter
from pathlib import Path

import pytest

from enactor.agent import direct_lines
from enactor.curate import BuildConfig, build
from enactor.curate.certificate import family_of
from enactor.errors import EnactorError
from enactor.evaluate.certified import LeakageError, suite_standing
from enactor.evaluate.metrics import NAMES
from enactor.evaluate.score import play
from enactor.evaluate.suite import SUITES, Entry, Suite, SuiteFile, load_suite
from enactor.evaluate.versions import changed, record
from enactor.world import COMMANDS, TOOLS, parse
from enactor.world.phrasebook import TEST_SHARE

PAGE = (Path(__file__).parents[2] / "docs" / "evaluation.md").read_text(encoding="utf-8")
SHIPPED = tuple(name for name in SUITES if name != "real")


@pytest.fixture(scope="module", params=SHIPPED)
def suite(request) -> Suite:
    return load_suite(request.param)


def test_a_suite_is_what_its_version_says():
    assert changed() == [], "write a new version: python -m enactor.evaluate.versions"


def test_the_page_tells_the_sizes_and_every_key(suite):
    assert f"| `{suite.name}` | {len(suite.cases)} | {len(suite.scenarios)} |" in PAGE
    assert all(f"`{name}`" in PAGE for name in SUITES)
    keys = {field.alias or key for key, field in Entry.model_fields.items()} | set(SuiteFile.model_fields)
    assert [key for key in keys if f"`{key}`" not in PAGE] == []


def test_every_figure_stands_on_the_page():
    told = {word.strip() for line in PAGE.splitlines() for word in line.split("|")[1:2]}
    told = {part.strip() for cell in told for part in cell.split(",")}
    names = {name.split(",")[0].split(" where ")[0] for name in NAMES.values()}
    grouped = {
        "pass^1",
        "pass^4",
        "pass^8",
        "prompt tokens",
        "completion tokens",
        "paraphrase groups all right",
    }
    grouped |= {"executed without force"}
    assert {name for name in names - grouped if not any(name in cell for cell in told)} == set()


def test_sizes(suite):
    assert suite.about
    assert len({case.id for case in suite.cases}) == len(suite.cases)
    assert len({(case.message, str(case.state)) for case in suite.cases}) > 0.95 * len(suite.cases)
    wanted = {"core": 280, "novel": 60}
    assert len(suite.cases) >= wanted.get(suite.name, 100)


def test_every_right_call_is_valid_and_feasible_or_deliberately_stopped(suite):
    wrong = []
    for case in {case.group or case.id: case for case in suite.cases}.values():
        for answer in case.answers:
            for action in answer:
                if action.tool == "send_command":
                    parse(str(action.args["command"]))
                else:
                    assert action.tool in TOOLS
            reference = play(case, answer=answer)
            if reference.status != case.ends or reference.feasible != (case.ends == "ok"):
                wrong.append(f"{case.id}: {[a.args for a in answer]}: {reference.status}, not {case.ends}")
    assert wrong == []


def test_what_is_said_goes_to_the_model(suite):
    """Nothing is a command typed by the player, which no model sees."""
    typed = [case.id for case in suite.cases if case.kind != "emergency" and direct_lines(case.message)]
    assert len(typed) <= 0.02 * len(suite.cases), typed


def test_core_is_drawn_from_held_out_phrasings_of_every_family():
    core = load_suite("core")
    assert all(int(c.template.rpartition(":")[2][:8], 16) % TEST_SHARE == 0 for c in core.cases)
    verbs = {family_of(a) for c in core.cases for a in c.expect} | {s.family for s in core.scenarios}
    assert verbs >= {spec.family for spec in COMMANDS.values()}
    assert len(core.scenarios) > 200


def test_novel_is_of_the_families_that_it_holds_out():
    novel = load_suite("novel")
    assert novel.held_out
    assert {family_of(a) for case in novel.cases for a in case.expect} == set(novel.held_out)
    assert {one.family for one in novel.scenarios} == set(novel.held_out)


def test_multi_asks_for_three_and_more():
    multi = load_suite("multi")
    assert min(len(case.expect) for case in multi.cases) >= 3
    assert len(multi.scenarios) >= 30


def test_robust_is_made_of_paraphrases():
    robust = load_suite("robust")
    groups = Counter(case.group for case in robust.cases)
    assert "" not in groups
    assert min(groups.values()) >= 4
    assert len(groups) >= 30


def test_nocall_wants_nothing_and_adversarial_wants_both():
    assert not any(case.expect for case in load_suite("nocall").cases)
    hard = load_suite("adversarial").cases
    assert 30 <= sum(bool(case.expect) for case in hard) <= 70
    assert {"needs_confirmation", "blocked", "ok"} == {case.ends for case in hard}
    assert sum(bool(case.history) for case in hard) >= 15


def test_own_cases(tmp_path):
    (tmp_path / "mine.yaml").write_text(
        "states: {here: {location: [3253, 3266, 0]}}\n"
        "cases:\n  - {id: cows, say: [kill 5 cows, 5 cows pls], do: [KILL_LOOP Cow none 5], state: here}\n",
        encoding="utf-8",
    )
    line = {"id": "hi", "say": "hello", "history": [{"user": "eat", "do": ["EAT Tuna"]}]}
    (tmp_path / "more.jsonl").write_text(json.dumps(line) + "\n\n", encoding="utf-8")
    (tmp_path / "notes.txt").write_text("not a case", encoding="utf-8")
    own = load_suite("real", tmp_path)
    assert [case.id for case in own.cases] == ["cows.1", "cows.2", "hi"]
    assert own.cases[0].group == "cows"
    assert [m.role for m in own.cases[2].history] == ["user", "assistant", "tool"]
    assert own.hash == load_suite("real", tmp_path).hash
    assert len(own.first(2).cases) == 2


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("a.yaml", "cases: [{id: x, say: hi, dooo: []}]", "dooo"),
        ("a.yaml", "cases: [{id: x, say: hi, state: nowhere}]", "no state 'nowhere'"),
        ("a.yaml", "cases: [{id: x, say: hi}, {id: x, say: ho}]", "stands twice: x"),
        ("a.yaml", "cases: [", "cannot be read"),
        ("a.yaml", "scenarios: [atlantis]", "no scenario and no family 'atlantis'"),
        ("a.jsonl", '{"id": "x"}', "a.jsonl:1"),
        ("a.jsonl", "{", "not a JSON object"),
        ("b.txt", "", "no cases in"),
    ],
)
def test_wrong_files_are_told_with_their_place(tmp_path, name, text, told):
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(EnactorError, match=told.replace("[", r"\[")):
        load_suite("real", tmp_path)


def test_there_is_no_other_suite(tmp_path):
    with pytest.raises(EnactorError, match="no suite 'hard'"):
        load_suite("hard")
    with pytest.raises(EnactorError, match="--cases"):
        load_suite("real")
    with pytest.raises(EnactorError, match="no folder"):
        load_suite("real", tmp_path / "none")


def test_a_changed_suite_needs_a_new_version(tmp_path):
    path = tmp_path / "versions.json"
    record(path)
    found = json.loads(path.read_text(encoding="utf-8"))
    found["robust"]["hash"] = "h1:other"
    path.write_text(json.dumps(found), encoding="utf-8")
    with pytest.raises(EnactorError, match="robust: the cases have changed"):
        record(path)


def test_rows_that_were_trained_on_are_checked(tmp_path):
    made = build(BuildConfig(rows=200, test_rows=10, out=tmp_path / "data"))
    rows = tmp_path / "data" / "train.jsonl"
    assert made.train
    assert suite_standing(load_suite("core"), None, rows) == "certified"
    assert suite_standing(load_suite("robust"), None, rows) == "certified"
    assert suite_standing(load_suite("robust")) == "uncertified"
    with pytest.raises(LeakageError, match="teach a family that it holds out"):
        suite_standing(load_suite("novel"), None, rows)
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    with pytest.raises(LeakageError, match="teach a family"):  # the data set of its run stands beside it
        suite_standing(load_suite("novel"), adapter)
    rows.unlink()
    assert suite_standing(load_suite("novel"), adapter) == "uncertified"
    recipe = {"recipe": {"data": {"leave_out": []}}}
    (adapter / "provenance.json").write_text(json.dumps(recipe), encoding="utf-8")
    with pytest.raises(LeakageError, match="was trained on all families"):
        suite_standing(load_suite("novel"), adapter)
