"""Bot conversations with each of their quirks."""

import json
from typing import Any

from enactor.trace import TraceStore

GOTO = ("send_command", {"command": "GOTO 3208 3220 2"}, {"dispatched": True, "account_id": "acct"})
STATE = ("get_game_state", {"fields": ["location"]}, {"success": True, "state": {}})


def test_a_request_becomes_a_trace(desk: Any, told: Any) -> None:
    path = desk.write("conversations_2030-01-02.jsonl", told("Go to the bank", [STATE, GOTO]))
    report = desk.ingest()
    assert report.record() == {
        "files": 1,
        "lines": 4,
        "turns": 1,
        "added": 1,
        "known": 0,
        "refused": {},
    }
    trace = desk.only()
    assert (trace.message, trace.reply, trace.source) == ("Go to the bank", "On the way.", "discord")
    assert [step.call.tool for step in trace.steps] == ["get_game_state", "send_command"]
    assert trace.steps[1].result.lowered == "GOTO 3208 3220 2"
    assert (trace.outcome, trace.model_outcome) == ("executed", "executed")
    assert trace.timestamp == "2030-01-02T10:15:30.223344"
    origin = trace.meta["origin"]
    assert (origin["file"], origin["line"], origin["kind"]) == (str(path), 1, "conversation")
    assert origin["hash"].startswith("h1:")
    assert trace.player == TraceStore(desk.store).player("u")
    assert "username" not in (desk.store / "training_2030-01-02.jsonl").read_text()


def test_a_second_run_adds_nothing(desk: Any, told: Any) -> None:
    desk.write("conversations_2030-01-02.jsonl", told("Go to the bank", [GOTO]))
    desk.ingest()
    stored = {path.name: path.read_bytes() for path in desk.store.iterdir()}
    report = desk.ingest()
    assert (report.added, report.known) == (0, 1)
    assert {path.name: path.read_bytes() for path in desk.store.iterdir()} == stored


def test_a_copy_of_a_file_is_known(desk: Any, told: Any) -> None:
    lines = told("Go to the bank", [GOTO])
    desk.write("conversations_2030-01-02.jsonl", lines)
    desk.write("conversations_copy.jsonl", lines)
    report = desk.ingest()
    assert (report.added, report.known) == (1, 1)


def test_lists_written_as_text_and_whole_numbers_are_mended(desk: Any, told: Any) -> None:
    calls = [
        ("get_game_state", {"fields": "['skills', 'health']"}, {"success": True}),
        ("get_logs", {"since_seconds": 60.0, "grep": "KILL_LOOP [x"}, {"lines": []}),
    ]
    desk.write("c.jsonl", told("What are your levels?", calls, "Attack 40."))
    desk.ingest()
    first, second = desk.only().steps
    assert first.call.parsed == {"fields": ["skills", "health"]}
    assert json.loads(first.call.arguments) == {"fields": "['skills', 'health']"}
    assert json.dumps(second.call.parsed) == '{"grep": "KILL_LOOP [x", "since_seconds": 60}'
    assert desk.only().meta["mended_arguments"] == 2


def test_cut_results_are_no_failures_unless_their_keys_say_so(desk: Any, told: Any) -> None:
    cut = {"_truncated": True, "keys": ["success", "account_id", "state"]}
    bad = {"_truncated": True, "keys": ["success", "error"]}
    calls = [("get_game_state", {}, cut), ("start_runelite", {}, bad)]
    desk.write("c.jsonl", told("start", calls, "?"))
    desk.ingest()
    trace = desk.only()
    assert [step.result.status for step in trace.steps] == ["ok", "error"]
    assert trace.meta["cut_results"] == 2
    assert trace.outcome == "failed"


def test_the_count_in_the_response_is_not_believed(desk: Any, told: Any) -> None:
    desk.write("c.jsonl", told("Go", [GOTO], count=0))
    desk.ingest()
    assert desk.only().outcome == "executed"
    assert desk.only().meta["calls_said"] == 0


def test_a_claim_with_a_wrong_count_is_still_a_claim(desk: Any, told: Any) -> None:
    desk.write("c.jsonl", told("Kill frogs", [], "I have started killing giant frogs.", count=2))
    desk.ingest()
    assert desk.only().outcome == "claimed"


def test_doubled_calls_are_one(desk: Any, told: Any) -> None:
    desk.write("c.jsonl", told("Go", [STATE, GOTO, GOTO, STATE]))
    desk.ingest()
    assert [step.call.tool for step in desk.only().steps] == [
        "get_game_state",
        "send_command",
        "get_game_state",
    ]
    assert desk.only().meta["doubled_calls"] == 1


def test_calls_after_the_response_belong_to_the_request(desk: Any, told: Any) -> None:
    request, call, response = told("Go to the bank", [GOTO])
    later = told("thanks", [], "You are welcome.", request="1015402233", at="10:15:40")
    desk.write("c.jsonl", [request, response, *later, call])
    desk.ingest()
    first = next(trace for trace in desk.traces() if trace.message == "Go to the bank")
    assert (first.outcome, first.meta["late_calls"]) == ("executed", 1)
    assert first.meta["success"] is True
    assert first.meta["success_by"] == "next words: confirmed.thanks"


def test_requests_that_overlap_keep_their_lines(desk: Any, told: Any) -> None:
    one = told("Go", [GOTO], user="a", request="1")
    two = told("Where am I?", [STATE], "Lumbridge.", user="b", request="2")
    desk.write("c.jsonl", [one[0], two[0], two[1], one[1], two[2], one[2]])
    desk.ingest()
    assert {trace.message: trace.outcome for trace in desk.traces()} == {
        "Go": "executed",
        "Where am I?": "answered",
    }
    assert all(trace.meta["overlaps"] for trace in desk.traces())


def test_an_id_that_another_day_repeats_is_another_request(desk: Any, told: Any) -> None:
    second = json.loads(json.dumps(told("Go north", [GOTO])).replace("2030-01-02", "2030-01-03"))
    desk.write("c.jsonl", [*told("Go", [GOTO]), *second])
    assert desk.ingest().added == 2
    assert TraceStore(desk.store).days() == ["2030-01-02", "2030-01-03"]


def test_what_is_incomplete_is_refused_with_the_reason(desk: Any, told: Any) -> None:
    silent = told("Go", [], None, request="1")
    executed = told("Go on", [GOTO], None, request="2")
    direct = told("x", [GOTO], None, request="3")[1:]
    empty = told("  ", [GOTO], request="4")
    strange = [{"type": "mystery", "request_id": "5"}]
    desk.write("c.jsonl", [*silent, *executed, *direct, *empty, *strange])
    report = desk.ingest()
    assert report.refused == {
        "no response": 1,
        "no request line": 1,
        "no message of the player": 1,
        "unknown type of line": 1,
    }
    assert desk.only().meta["no_response"] is True


def test_empty_replies_and_errors_are_kept(desk: Any, told: Any) -> None:
    lines = told("Kill", [GOTO], "\n", request="1")
    error = {
        "type": "error",
        "request_id": "1",
        "timestamp": "t",
        "error": "400 Bad Request",
        "context": None,
    }
    desk.write("c.jsonl", [*lines, error, *told("Kill", [], "", request="2", at="10:15:31")])
    desk.ingest()
    outcomes = {trace.meta["request_id"]: trace.outcome for trace in desk.traces()}
    assert outcomes == {"1": "executed", "2": "failed"}
    first = next(trace for trace in desk.traces() if trace.meta["request_id"] == "1")
    assert first.meta["errors"] == ["400 Bad Request"]


def test_a_call_that_the_bot_rescued_is_not_the_models(desk: Any, told: Any) -> None:
    desk.write("c.jsonl", told("Go", [GOTO], "✅ `GOTO 3208 3220 2`"))
    desk.ingest()
    trace = desk.only()
    assert trace.steps[0].call.origin == "repaired"
    assert (trace.model_outcome, trace.outcome) == ("claimed", "executed")


def test_invented_tools_and_missing_arguments_are_kept(desk: Any, told: Any) -> None:
    calls = [("WAIT", {}, {"error": "Unknown tool: WAIT"}), ("send_command", {}, {"error": "no command"})]
    desk.write("c.jsonl", told("wait", calls, "."))
    desk.ingest()
    assert [step.result.status for step in desk.only().steps] == ["error", "error"]
    assert desk.only().outcome == "failed"


def test_a_look_that_the_bot_took_itself_is_marked(desk: Any, told: Any) -> None:
    look = ("get_game_state", {"fields": ["location", "health", "inventory"]}, {"success": True})
    desk.write("c.jsonl", told("Where am I?", [look], "Here."))
    desk.ingest()
    assert desk.only().meta["prefetched"] is True


def test_the_next_words_dispute(desk: Any, told: Any) -> None:
    first = told("Kill 300 frogs", [GOTO], request="1")
    second = told("You didn't execute it", [GOTO], request="2", at="10:16:00")
    much_later = told("no", [], "?", request="3", at="18:00:00")
    desk.write("c.jsonl", [*first, *second, *much_later])
    desk.ingest()
    success = {trace.message: trace.meta["success"] for trace in desk.traces()}
    assert success["Kill 300 frogs"] is False
    assert success["You didn't execute it"] is True
    row = json.loads((desk.store / "training_2030-01-02.jsonl").read_bytes().splitlines()[0])
    assert row["quality"]["success"] is False
    assert row["enactor"]["outcome"] == "executed"


def test_many_requests_at_once_are_streamed(desk: Any, told: Any) -> None:
    lines = []
    for n in range(300):
        lines += told(f"go {n}", [GOTO], request=str(n))
    desk.write("c.jsonl", lines)
    report = desk.ingest()
    assert (report.turns, report.added) == (300, 300)
    assert [trace.message for trace in desk.traces()] == [f"go {n}" for n in range(300)]
