"""The whole build, small: counts, mix, split, certificate, repeatable bytes, recorded rows first."""

import json
from pathlib import Path

import pytest
from recorded import request

from enactor.curate.certificate import certify, families_of, read_certificate
from enactor.curate.chain import run_recipe
from enactor.curate.gather import Selection, rows_of
from enactor.curate.mix import grown
from enactor.curate.quality import FilterReport
from enactor.curate.recipe import BuildError, build_recipe_names, load_build_recipe
from enactor.curate.rows import Action, Row, read_rows, rows_hash, write_rows
from enactor.curate.teacher import Teacher
from enactor.errors import EnactorError
from enactor.models import ScriptedEngine
from enactor.models.engine import Completion
from enactor.trace import Feedback, TraceStore, trace_hash

SMALL = {
    "simple": 40, "loop": 30, "multi": 20, "status": 10, "recovery": 3, "prerequisite": 9, "emergency": 4,
    "chat": 9, "refuse": 4, "ask": 4, "followup": 6, "correction": 4, "protest": 4,
}  # fmt: skip
NOVEL = {"novel_families": ["smithing", "camera"], "novel_rows": 20}


def recipe(out, **changes):
    given = {"out": out, "counts": SMALL, "split": NOVEL, "runtimes": ["enactor"], **changes}
    return load_build_recipe("small", given)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    out = tmp_path_factory.mktemp("built")
    return out, run_recipe(recipe(out))


def test_every_kind_has_its_count(built):
    out, manifest = built
    assert manifest["train"]["kinds"] == SMALL
    assert manifest["short"] == {}
    assert manifest["train"]["rows"] == len(list(read_rows(out / "train.jsonl")))
    assert not (out / "rows.partial").exists()


def test_the_test_is_a_tenth(built):
    _, manifest = built
    share = manifest["test"]["rows"] / (manifest["test"]["rows"] + manifest["train"]["rows"])
    assert 0.09 <= share <= 0.14  # each kind is rounded up


def test_held_out_families_are_in_the_novel_test_only(built):
    out, _ = built
    held = set(NOVEL["novel_families"])
    for name in ("train", "test"):
        assert not any(held & families_of(row) for row in read_rows(out / f"{name}.jsonl"))
    novel = list(read_rows(out / "novel.jsonl"))
    assert len(novel) >= NOVEL["novel_rows"]
    assert all(held & families_of(row) for row in novel)


def test_the_certificate_passes_and_is_found_again(built):
    out, manifest = built
    certificate = certify(
        out / "train.jsonl", out / "test.jsonl", out / "novel.jsonl", NOVEL["novel_families"]
    )
    assert certificate.problems == ()
    assert (certificate.templates, certificate.near, certificate.family_overlap) == (0, 0, 0)
    assert read_certificate(out / "test.jsonl") == certificate
    assert manifest["certificate"]["passes"]


def test_the_certificate_sees_leaks(built, tmp_path):
    out, _ = built
    leaking = certify(out / "train.jsonl", out / "train.jsonl", out / "novel.jsonl", ["combat"])
    assert leaking.templates
    assert leaking.near == leaking.test
    assert leaking.family_overlap
    assert len(leaking.problems) == 3


def test_the_same_inputs_give_the_same_bytes(built, tmp_path):
    out, manifest = built
    again = run_recipe(recipe(tmp_path))
    for name in ("train.jsonl", "test.jsonl", "novel.jsonl", "manifest.json"):
        assert (tmp_path / name).read_bytes() == (out / name).read_bytes(), name
    assert again == manifest
    other = run_recipe(recipe(tmp_path / "other", seed=1))
    assert other["train"]["hash"] != manifest["train"]["hash"]


def test_the_hash_is_that_of_the_rows(built):
    out, manifest = built
    assert rows_hash(list(read_rows(out / "train.jsonl"))) == manifest["train"]["hash"]


def test_no_two_rows_are_nearly_the_same(built):
    out, _ = built
    rows = [
        (row.message.casefold(), str(row.say), row.reply, str(row.history))
        for row in read_rows(out / "train.jsonl")
    ]
    assert len(set(rows)) == len(rows)


@pytest.fixture
def store(tmp_path):
    made = TraceStore(tmp_path / "log")
    creatures = ["Cow", "Goblin", "Chicken", "Giant_frog", "Imp", "Giant_rat"]
    for i in range(60):
        npc, n = creatures[i % 6], 2 + i
        words = f"{'kill' if i % 2 else 'go get'} {n} {npc.replace('_', ' ').lower()}s"
        made.append(request(words, f"KILL_LOOP {npc} none {n}", minute=30 * i, session=f"s{i // 3}"))
    made.append(request("kill 7 cows", reply="Killed them.", outcome="claimed", minute=3000))
    kept = made.append(request("good bot", reply="Glad to help.", outcome="answered", minute=3100))
    made.add_feedback(Feedback(kept, rating=5))
    return tmp_path / "log"


def test_recorded_rows_come_first(store, tmp_path):
    counts = {**SMALL, "loop": 30}
    manifest = run_recipe(recipe(tmp_path / "out", gather={"traces": [str(store)]}, counts=counts))
    assert manifest["filter"]["read"] == 62
    assert manifest["filter"]["removed"] == {"executed": 1}
    recorded = manifest["train"]["recorded"]
    assert recorded["loop"] == manifest["train"]["kinds"]["loop"] == 30
    assert recorded.get("chat", 0) + manifest["test"]["recorded"].get("chat", 0) == 1
    assert manifest["certificate"]["passes"]
    sessions = [
        {row.template for row in read_rows(tmp_path / "out" / f"{side}.jsonl") if "recorded" in row.meta}
        for side in ("train", "test")
    ]
    assert not sessions[0] & sessions[1]


@pytest.mark.parametrize(("session", "groups"), [("", [0, 0, 1, 1]), ("s", [0, 0, 0, 0])])
def test_a_pause_ends_what_the_split_keeps_together(session, groups):
    traces = [
        request(f"kill {n} cows", f"KILL_LOOP Cow none {n}", minute=m, session=session)
        for n, m in ((2, 0), (3, 14), (4, 30), (5, 40))
    ]
    rows = rows_of([(trace, None) for trace in traces], Selection(), FilterReport())
    found = [row.template for row in rows]
    assert [list(dict.fromkeys(found)).index(template) for template in found] == groups


def test_what_a_person_corrected_replaces_the_record(store, tmp_path):
    trace = next(t for t in TraceStore(store).iterate() if t.message == "kill 7 cows")
    mended = Row(
        message=trace.message,
        kind="loop",
        family="combat",
        group="label.loop",
        template="h1:00000001000000000000000000000000",
        state={},
        say=(Action("send_command", {"command": "KILL_LOOP cows none 7"}),),
        meta={"label": {"trace": trace_hash(trace), "annotator": "a"}},
    )
    path = tmp_path / "labelled.jsonl"
    write_rows(path, [mended])
    out = tmp_path / "out"
    manifest = run_recipe(recipe(out, gather={"traces": [str(store)], "labelled": [str(path)]}))
    assert manifest["filter"]["removed"] == {"corrected by a person": 1}
    rows = [row for row in read_rows(out / "train.jsonl") if "label" in row.meta]
    assert [row.say for row in rows] == [mended.say]
    with pytest.raises(EnactorError, match="enactor label rows"):
        run_recipe(recipe(out, gather={"labelled": [str(tmp_path / "none.jsonl")]}))


def test_rows_stand_in_the_middle_of_conversations(built):
    out, manifest = built
    rows = list(read_rows(out / "train.jsonl"))
    amid = [row for row in rows if row.history and row.kind in ("simple", "loop", "multi", "status", "chat")]
    assert 0.2 * len(rows) < len(amid) < 0.5 * len(rows)
    answers = [m.content for row in amid for m in row.history if m.role == "tool"]
    assert any('"ok"' in text for text in answers)
    assert any('"error"' in text for text in answers)  # the simulator's own
    assert manifest["train"]["with_history"] >= len(amid)


def test_a_teacher_words_recorded_rows_anew(store, tmp_path):
    class Answers(ScriptedEngine):
        """Says every request in the same three ways."""

        def complete(self, prompt, *args, **options):
            request = prompt.rpartition("<|im_start|>user\n")[2].partition("<|im_end|>")[0]
            return Completion(f"- now {request}\n- {request}\n- slay something")

    given = {"traces": [str(store)], "teacher": "any", "paraphrases": 3}
    counts = dict.fromkeys(SMALL, 0) | {"loop": 90, "chat": 2}
    out = tmp_path / "out"
    teacher = Teacher(Answers([]))
    run_recipe(recipe(out, gather=given, counts=counts, split={}), teacher=teacher)
    worded = [row for row in read_rows(out / "train.jsonl") if "paraphrase_of" in row.meta]
    assert worded
    assert all(row.message.startswith("now ") and row.say for row in worded)
    with pytest.raises(BuildError, match="paraphrases need a teacher"):
        recipe(out, gather={"paraphrases": 3})


def test_counts_grow_with_what_was_recorded():
    counts = {"simple": 40, "loop": 30, "chat": 5}
    assert grown(counts, {"loop": 45}, 2.0) == {"simple": 60, "loop": 45, "chat": 8}
    assert grown(counts, {"loop": 300}, 2.0)["loop"] == 60
    assert grown(counts, {}, 2.0) == counts


def test_no_traces_is_an_error_with_a_cure(tmp_path):
    with pytest.raises(EnactorError, match="no traces at"):
        run_recipe(recipe(tmp_path / "out", gather={"traces": [str(tmp_path / "none")]}))
    assert not (tmp_path / "out" / "rows.partial").exists()


def test_all_problems_of_a_recipe_are_named_at_once(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("sed: 1\ncounts: {simpel: 3}\nnear: 2\n", encoding="utf-8")
    with pytest.raises(BuildError) as error:
        load_build_recipe(path)
    for part in (
        "sed: no such setting; is it seed?",
        "counts.simpel: no such setting; is it simple?",
        "near:",
    ):
        assert part in str(error.value)
    path.write_text("split: {novel_families: [dancing]}", encoding="utf-8")
    with pytest.raises(BuildError, match="dancing"):
        load_build_recipe(path)
    with pytest.raises(BuildError, match="no recipe"):
        load_build_recipe("nothing")


@pytest.mark.parametrize("name", build_recipe_names())
def test_shipped_recipes_are_valid(name):
    made = load_build_recipe(name)
    assert made.name == name
    wanted = made.counts.wanted()
    assert wanted["simple"] * 3 == wanted["loop"] * 4 == wanted["multi"] * 6 == wanted["status"] * 12
    assert wanted["recovery"] >= 100
    assert wanted["chat"] + wanted["refuse"] + wanted["ask"] >= 200
    assert sum(wanted.values()) >= 2300


def test_the_manifest_is_json_with_every_part(built):
    out, manifest = built
    assert json.loads((Path(out) / "manifest.json").read_text(encoding="utf-8")) == manifest
    assert {"config", "world", "train", "test", "novel", "certificate", "filter", "removed"} <= set(manifest)
