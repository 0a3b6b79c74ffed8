"""Labels are events that are never rewritten; the queue follows from them."""

import json
import os
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from label_records import copied, play

from enactor.errors import EnactorError
from enactor.serve.label import Desk, Journal, Refused
from enactor.trace import Feedback, TraceStore, with_player

Opened = tuple[Desk, dict[str, str], Path]


@pytest.fixture
def opened(tmp_path: Path) -> Opened:
    """A desk over a store of six requests, their hashes, and the store's folder."""
    ids = copied(tmp_path / "log")
    return Desk(tmp_path / "log"), ids, tmp_path / "log"


def label(desk: Desk, trace: str, annotator: str = "ann", **given: Any) -> dict[str, Any]:
    return desk.label({"trace": trace, "annotator": annotator, **given})


def order(desk: Desk, ids: dict[str, str], annotator: str = "ann", view: str = "todo") -> list[str]:
    names = {value: name for name, value in ids.items()}
    return [names[entry["id"]] for entry in desk.queue(annotator, view)["entries"]]


# -- the queue --------------------------------------------------------------------------


def test_the_least_certain_comes_first(opened: Opened) -> None:
    desk, ids, _ = opened
    assert order(desk, ids)[:3] == ["forced", "claimed", "repaired"]


def test_what_is_labelled_goes_to_the_end_and_disputes_to_their_view(opened: Opened) -> None:
    desk, ids, _ = opened
    label(desk, ids["forced"], rating=1)
    assert order(desk, ids)[-1] == "forced"
    assert order(desk, ids, "bob")[0] == "forced"  # a low rating of what the ledger calls executed
    label(desk, ids["clean"], rating=5, fulfilled=True)
    label(desk, ids["clean"], "bob", rating=2, fulfilled=False)
    assert order(desk, ids, "cyd")[0] == "clean"
    assert order(desk, ids, view="disputed") == ["clean", "forced"]
    assert order(desk, ids, view="done") == ["clean", "forced"]
    assert desk.queue("ann")["progress"]["mine"] == 2


def test_a_low_probability_is_a_doubt(opened: Opened) -> None:
    desk, ids, folder = opened
    trace = play("thanks", "You're welcome.")
    sure = replace(trace, message="sure", meta={"logprob": -0.1}, completion_tokens=10)
    unsure = replace(trace, message="unsure", meta={"logprob": -20.0}, completion_tokens=10)
    store = TraceStore(folder)
    ids = {**ids, "sure": store.append(sure), "unsure": store.append(unsure)}
    assert order(desk, ids)[0] == "unsure"
    entry = desk.queue("ann")["entries"][0]
    assert entry["signs"][0]["text"] == "Mean token probability 0.14."
    assert next(e for e in desk.queue("ann")["entries"] if e["message"] == "sure")["signs"] == []


def test_the_queue_follows_the_store(opened: Opened) -> None:
    desk, ids, folder = opened
    store = TraceStore(folder)
    store.append(with_player(play("thanks", "You're welcome."), store, "zezima"))
    assert desk.queue("ann")["total"] == len(ids) + 1
    store.forget("zezima")
    assert desk.queue("ann")["total"] == len(ids)
    assert desk.trace(ids["clean"], "ann")["message"] == "kill 300 giant frogs"


def test_forgetting_a_player_takes_the_labels_along(opened: Opened) -> None:
    desk, ids, folder = opened
    store = TraceStore(folder)
    theirs = store.append(with_player(play("thanks", "You're welcome."), store, "zezima"))
    label(desk, theirs, rating=1, note="theirs")
    label(desk, ids["clean"], rating=5)
    store.forget("zezima")
    assert "theirs" not in (folder / "user_feedback.jsonl").read_text()
    assert desk.queue("ann")["progress"]["mine"] == 1


def test_a_trace_has_what_a_judge_needs(opened: Opened) -> None:
    desk, ids, _ = opened
    shown = desk.trace(ids["repaired"], "ann")
    assert shown["outcome"] == "executed"
    assert shown["model_outcome"] == "described"
    assert any("shapes.json" in line for line in shown["evidence"])
    [step] = shown["steps"]
    assert (step["written"], step["lowered"], step["origin"]) == ("EAT tuna", "EAT Tuna", "repaired")
    assert shown["calls"] == "EAT tuna"
    assert {"health", "wears", "holds 4 of 28"} <= {row["name"] for row in shown["state"]}
    hostile = desk.trace(ids["hostile"], "ann")
    assert "<script>" in hostile["message"]
    assert "\u202e" not in hostile["message"]
    assert "\x1b" not in hostile["message"]
    with pytest.raises(Refused, match="not in the store"):
        desk.trace("h1:none", "ann")


# -- labels as events ---------------------------------------------------------------------


def test_labels_are_appended_and_the_latest_stands(opened: Opened) -> None:
    desk, ids, folder = opened
    label(desk, ids["clean"], rating=2, note="meh")
    first = (folder / "user_feedback.jsonl").read_bytes()
    label(desk, ids["clean"], rating=4, tags=["Slow ", "slow"], note="")
    second = (folder / "user_feedback.jsonl").read_bytes()
    assert second.startswith(first)
    assert desk.trace(ids["clean"], "ann")["mine"]["rating"] == 4
    assert desk.trace(ids["clean"], "ann")["mine"]["tags"] == ["slow"]
    assert TraceStore(folder).feedback()[ids["clean"]].rating == 4
    assert Desk(folder).queue("ann", "done")["total"] == 1


def test_undo_goes_back_step_by_step_and_only_ones_own(opened: Opened) -> None:
    desk, ids, folder = opened
    label(desk, ids["clean"], rating=2)
    label(desk, ids["clean"], rating=3)
    label(desk, ids["clean"], "bob", rating=5)
    label(desk, ids["forced"], rating=1)
    before = (folder / "user_feedback.jsonl").read_bytes()
    undone = [desk.undo("ann")["trace"] for _ in range(4)]
    assert undone == [ids["forced"], ids["clean"], ids["clean"], None]
    assert (folder / "user_feedback.jsonl").read_bytes().startswith(before)
    assert desk.trace(ids["clean"], "ann")["mine"] is None
    assert desk.trace(ids["clean"], "bob")["mine"]["rating"] == 5
    feedback = TraceStore(folder).feedback()
    assert feedback[ids["clean"]].rating == 5  # other readers see what stands
    assert feedback[ids["forced"]].rating is None
    label(desk, ids["clean"], rating=4)
    assert Desk(folder).trace(ids["clean"], "ann")["mine"]["rating"] == 4


def test_others_are_hidden_until_one_has_judged(opened: Opened) -> None:
    desk, ids, _ = opened
    label(desk, ids["clean"], "bob", rating=1, note="wrong")
    assert desk.trace(ids["clean"], "ann")["others"] == []
    saved = label(desk, ids["clean"], rating=5)
    assert [other["annotator"] for other in saved["others"]] == ["bob"]
    assert desk.trace(ids["clean"], "ann")["others"][0]["note"] == "wrong"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "nothing to save"),
        ({"rating": 6}, "rating"),
        ({"rating": True}, "rating"),
        ({"fulfilled": "yes"}, "fulfilled"),
        ({"rating": 3, "annotator": " "}, "annotator"),
        ({"rating": 3, "annotator": "a\u202eb"}, "annotator"),
        ({"rating": 3, "colour": "red"}, "colour"),
        ({"calls": "KILL_LOP Cow"}, "KILL_LOOP"),
        ({"calls": "\n".join(["STOP"] * 13)}, "13 calls"),
        ({"rating": 3, "note": "x" * 2001}, "note"),
        ({"rating": 3, "trace": "h1:gone"}, "not in the store"),
    ],
)
def test_what_cannot_be_saved_is_refused_with_the_reason(opened: Opened, given: Any, told: str) -> None:
    desk, ids, folder = opened
    with pytest.raises(Refused, match=told):
        desk.label({"trace": ids["clean"], "annotator": "ann", **given})
    assert not (folder / "user_feedback.jsonl").exists()


def test_torn_and_foreign_lines_lose_nothing(opened: Opened) -> None:
    desk, ids, folder = opened
    path = folder / "user_feedback.jsonl"
    label(desk, ids["clean"], rating=5)
    with path.open("ab") as file:
        file.write(b'{"trace": 3}\n[]\nnot json\n{"trace": "h1:x", "label": {}}\n{"trace": "h1:to')
    label(desk, ids["forced"], rating=1)
    assert path.read_bytes().endswith(b"\n")
    assert any(path.name.endswith(".torn") for path in folder.iterdir())
    assert desk.queue("ann")["progress"]["mine"] == 2
    assert Journal(folder).labels().unread == 4


def test_a_player_who_differs_is_a_dispute(opened: Opened) -> None:
    desk, ids, folder = opened
    TraceStore(folder).add_feedback(Feedback(ids["clean"], 1))
    assert order(desk, ids)[0] == "clean"
    [sign] = desk.trace(ids["clean"], "ann")["signs"]
    assert sign["name"] == "second look"  # who has not judged is not told how others did
    label(desk, ids["clean"], rating=5)
    signs = desk.trace(ids["clean"], "ann")["signs"]
    assert {sign["name"] for sign in signs} == {"player differs", "against the ledger"}


def test_annotators_at_once_lose_nothing(opened: Opened) -> None:
    desk, ids, folder = opened
    other = Desk(folder)

    def work(desk: Desk, name: str) -> None:
        for n in range(20):
            label(desk, ids["clean"], name, rating=n % 5 + 1)

    threads = [
        threading.Thread(target=work, args=(d, f"{n}")) for n, d in enumerate([desk, desk, other, other])
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = (folder / "user_feedback.jsonl").read_bytes().splitlines()
    assert len(lines) == 80
    assert all(json.loads(line) for line in lines)
    assert desk.progress()["annotators"] == {"0": 1, "1": 1, "2": 1, "3": 1}


@pytest.mark.skipif(os.name != "posix", reason="needs a limit on the size of files")
def test_a_full_disk_is_told_and_nothing_stays(opened: Opened) -> None:
    import resource
    import signal

    desk, ids, folder = opened
    label(desk, ids["clean"], rating=5)
    before = (folder / "user_feedback.jsonl").read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 10, hard))
    try:
        with pytest.raises(EnactorError, match="cannot be used"):
            label(desk, ids["forced"], rating=1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    assert (folder / "user_feedback.jsonl").read_bytes() == before
    label(desk, ids["forced"], rating=1)
