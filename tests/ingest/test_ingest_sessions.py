"""Sessions of a coding agent, written by hand in the form of the real ones."""

import json
import re
from collections.abc import Iterable
from typing import Any

import pytest

from enactor.ingest import Report

OK = {"dispatched": True}


class Session:
    """The lines of a session file, written as the program writes them."""

    def __init__(self, name: str = "s1", compact: bool = True) -> None:
        self.name = name
        self.lines: list[str] = []
        self.separators = (",", ":") if compact else None
        self.calls = 0

    def add(self, type_: str, content: Any, **more: Any) -> "Session":
        n = len(self.lines)
        row = {
            "parentUuid": f"{self.name}-{n - 1}",
            "isSidechain": False,
            "userType": "external",
            "sessionId": self.name,
            "type": type_,
            "message": {"role": type_, "content": content},
            "uuid": f"{self.name}-{n}",
            "timestamp": f"2030-01-02T10:{n // 60:02}:{n % 60:02}.000Z",
            **more,
        }
        self.lines.append(json.dumps(row, separators=self.separators))
        return self

    def human(self, text: Any, **more: Any) -> "Session":
        return self.add("user", text, **more)

    def says(self, text: str, **more: Any) -> "Session":
        return self.add("assistant", [{"type": "text", "text": text}], **more)

    def call(self, tool: str, arguments: Any = None, **more: Any) -> str:
        self.calls += 1
        key = f"toolu_{self.name}_{self.calls}"
        block = {"type": "tool_use", "id": key, "name": tool, "input": arguments or {}}
        self.add("assistant", [block], **more)
        return key

    def result(self, key: str, content: Any, is_error: bool = False, **more: Any) -> "Session":
        block = {"tool_use_id": key, "type": "tool_result", "content": content}
        if is_error:
            block["is_error"] = True
        return self.add("user", [block], **more)

    def does(self, tool: str, arguments: Any, result: Any, **more: Any) -> "Session":
        text = result if isinstance(result, str) else json.dumps(result)
        return self.result(self.call(tool, arguments, **more), [{"type": "text", "text": text}], **more)

    def sends(self, command: str, result: Any = OK) -> "Session":
        return self.does("mcp__manny__send_command", {"command": command}, result)

    def edits(self, times: int = 1) -> "Session":
        for _ in range(times):
            self.result(
                self.call("Edit", {"file_path": "A.java", "old_string": "a"}), "The file was updated."
            )
        return self

    def text(self, lines: Iterable[str] | None = None) -> str:
        return "\n".join(self.lines if lines is None else lines) + "\n"


def take(desk: Any, session: Session, name: str = "a.jsonl") -> Report:
    desk.write(name, session.text())
    return desk.ingest()


@pytest.mark.parametrize("compact", [True, False])
def test_a_turn_runs_over_many_lines(desk: Any, compact: bool) -> None:
    session = Session(compact=compact)
    session.human("Go fish").says("Let me look.").does(
        "mcp__manny__get_game_state", {"fields": ["location"]}, {"success": True, "state": {}}
    ).edits().sends("FISH shrimp").says("Fishing now.").human("thanks!").says("Welcome.")
    report = take(desk, session)
    assert (report.files, report.lines, report.turns, report.added) == (1, 11, 2, 1)
    assert report.refused == {"no tool call": 1}
    trace = desk.only()
    assert (trace.message, trace.reply, trace.source) == ("Go fish", "Fishing now.", "claude_code")
    assert [step.call.tool for step in trace.steps] == ["get_game_state", "send_command"]
    assert trace.steps[0].call.parsed == {"fields": ["location"]}
    assert trace.steps[1].result.content == OK
    assert trace.outcome == "executed"
    assert trace.meta["servers"] == ["manny"]
    assert trace.meta["other_calls"] == 1
    assert (trace.meta["success"], trace.meta["success_by"]) == (True, "next words: confirmed.thanks")
    assert trace.meta["origin"]["line"] == 1
    again = desk.ingest()
    assert (again.added, again.known, again.turns) == (0, 1, 2)


def test_the_least_form_is_read(desk: Any) -> None:
    """Only what every reader of these files relies on: no ids of lines, no session."""
    rows = [
        {
            "type": "user",
            "timestamp": "2030-01-02T10:15:30Z",
            "message": {"role": "user", "content": "Where am I?"},
        },
        {
            "type": "assistant",
            "timestamp": "2030-01-02T10:15:31Z",
            "message": {
                "role": "assistant",
                "content": [
                    {"type": "text", "text": "Checking."},
                    {
                        "type": "tool_use",
                        "id": "t1",
                        "name": "mcp__runelite-debug__get_game_state",
                        "input": {"fields": ["location"]},
                    },
                ],
            },
        },
        {
            "type": "user",
            "timestamp": "2030-01-02T10:15:32Z",
            "message": {
                "role": "user",
                "content": [{"type": "tool_result", "tool_use_id": "t1", "content": '{"success": true}'}],
            },
        },
    ]
    desk.write("a.jsonl", rows)
    report = desk.ingest()
    assert (report.turns, report.added) == (1, 1)
    assert (desk.only().message, desk.only().outcome) == ("Where am I?", "answered")


def test_code_editing_is_dropped(desk: Any) -> None:
    session = Session().human("Fix the bug").edits(3).says("Fixed.").human("What is 2+2?").says("4")
    report = take(desk, session)
    assert report.turns == 2
    assert report.refused == {"only other tools (code editing)": 1, "no tool call": 1}
    assert desk.traces() == []


def test_bare_names_and_servers(desk: Any) -> None:
    session = Session()
    session.human("a").does("send_command", {"command": "STOP"}, OK)
    session.human("b").does("mcp__my_game__send_command", {"command": "STOP"}, OK)
    session.human("c").does("mcp__manny__some_tool_of_later", {}, OK)
    session.human("d").does("mcp__github__create_issue", {}, OK)
    session.human("e").does("mcp__manny__build_plugin", {}, OK)
    session.human("f").does("Bash", {"command": "send_command STOP"}, OK)
    report = take(desk, session)
    assert [trace.message for trace in desk.traces()] == ["a", "b", "c"]
    assert [trace.steps[0].call.tool for trace in desk.traces()] == [
        "send_command",
        "send_command",
        "some_tool_of_later",
    ]
    assert report.refused == {"only other tools (code editing)": 3}


def test_parallel_calls_find_their_results(desk: Any) -> None:
    session = Session().human("look around")
    one = session.call("mcp__manny__query_nearby", {"name_filter": "frog"})
    two = session.call("mcp__manny__check_health")
    session.result(two, '{"success": false, "error": "no client"}').result(one, '{"npcs": []}').says(
        "Nothing."
    )
    take(desk, session)
    trace = desk.only()
    assert [step.call.tool for step in trace.steps] == ["query_nearby", "check_health"]
    assert [step.result.status for step in trace.steps] == ["ok", "error"]


def test_several_blocks_in_one_line(desk: Any) -> None:
    session = Session().human("go")
    uses = [
        {"type": "tool_use", "id": str(n), "name": "mcp__manny__send_command", "input": {"command": c}}
        for n, c in enumerate(("GOTO 1 2 0", "STOP"))
    ]
    session.add("assistant", [{"type": "text", "text": "I go."}, *uses])
    results = [{"type": "tool_result", "tool_use_id": str(n), "content": "ok"} for n in (1, 0)]
    session.add("user", results).says("Gone.")
    take(desk, session)
    assert [step.result.lowered for step in desk.only().steps] == ["GOTO 1 2 0", "STOP"]


def test_side_chains_are_not_the_conversation(desk: Any) -> None:
    session = Session().human("kill frogs")
    task = session.call("Task", {"prompt": "kill"})
    session.human("You are an agent. Kill frogs.", isSidechain=True)
    session.does("mcp__manny__send_command", {"command": "KILL_LOOP Frog none 3"}, OK, isSidechain=True)
    session.says("Killed.", isSidechain=True)
    session.result(task, [{"type": "text", "text": "done"}]).says("The agent did it.")
    session.human("now stop").sends("STOP").says("Stopped.")
    report = take(desk, session)
    assert report.turns == 2
    assert report.refused == {"game calls in a side chain only": 1}
    assert desk.only().message == "now stop"


def test_a_result_that_speaks_of_side_chains_is_none(desk: Any) -> None:
    session = Session().human("where am i")
    session.does("mcp__manny__get_game_state", {}, OK, toolUseResult={"isSidechain": True}).says("Here.")
    assert take(desk, session).added == 1
    assert [step.result.status for step in desk.only().steps] == ["ok"]


def test_parts_of_another_type_than_usual(desk: Any) -> None:
    session = Session().human("cut \ud83d")
    session.lines.append('{"type":"user","message":"no object","uuid":"u","timestamp":3}')
    session.lines.append('{"type":"user","message":["no object"],"uuid":7}')
    session.does("mcp__manny__send_command", {"command": "STOP"}, OK, isMeta=0, uuid=5)
    session.says("Stopped.", toolUseResult={"large": 10**30})
    assert take(desk, session).added == 1
    trace = desk.only()
    assert (trace.message, trace.reply, len(trace.steps)) == ("cut \ud83d", "Stopped.", 1)


def test_a_file_of_a_side_chain_alone(desk: Any) -> None:
    session = Session()
    session.human("You are an agent.", isSidechain=True)
    session.does("mcp__manny__send_command", {"command": "STOP"}, OK, isSidechain=True)
    assert take(desk, session).refused == {"game calls in a side chain only": 1}


def test_an_error_in_the_models_place_is_no_reply(desk: Any) -> None:
    session = (
        Session().human("stop").sends("STOP").says("Stopped.").says("API Error: 529", isApiErrorMessage=True)
    )
    take(desk, session)
    assert desk.only().reply == "Stopped."


def test_a_compaction_summary_is_nobodys_words(desk: Any) -> None:
    summary = (
        "This session is being continued from a previous conversation that ran out of context. Kill frogs."
    )
    session = Session().human("grind frogs").sends("KILL_LOOP Frog none 5")
    session.add("system", "Conversation compacted", subtype="compact_boundary")
    session.human(summary, isCompactSummary=True, isVisibleInTranscriptOnly=True)
    session.sends("STOP").says("All done.").human(summary).human("again").sends("KILL_LOOP Frog none 5")
    report = take(desk, session)
    assert (report.turns, report.added) == (2, 2)
    first, second = desk.traces()
    assert (first.message, len(first.steps), first.reply) == ("grind frogs", 2, "All done.")
    assert second.message == "again"


def test_a_file_that_begins_in_the_middle(desk: Any) -> None:
    session = Session().human(
        "This session is being continued from a previous conversation that ran out of context."
    )
    session.sends("STOP").says("Stopped.").human("hi").says("Hello.")
    report = take(desk, session)
    assert report.refused == {"no message before the calls": 1, "no tool call": 1}


def test_interruptions(desk: Any) -> None:
    session = Session().human("kill frogs").sends("KILL_LOOP Frog none 5")
    session.call("mcp__manny__get_logs")
    session.human([{"type": "text", "text": "[Request interrupted by user]"}])
    session.human("go on").sends("KILL_LOOP Frog none 6")
    key = session.call("mcp__manny__send_command", {"command": "DROP_ALL"})
    session.add(
        "user",
        [
            {
                "type": "tool_result",
                "tool_use_id": key,
                "is_error": True,
                "content": "The user doesn't want to",
            },
            {"type": "text", "text": "[Request interrupted by user for tool use]"},
        ],
    )
    session.human("never drop things").says("Sorry.")
    report = take(desk, session)
    assert (report.turns, report.added) == (3, 2)
    first, second = desk.traces()
    assert first.meta["interrupted"] is True
    assert first.meta["unanswered_calls"] == 1
    assert [step.result.status for step in first.steps] == ["ok", "error"]
    assert (first.meta["success"], first.meta["success_by"]) == (False, "interrupted")
    assert [step.result.status for step in second.steps] == ["ok", "error"]
    assert (second.meta["success"], second.meta["success_by"]) == (False, "results: the last call failed")


def test_words_beside_a_result_begin_a_turn(desk: Any) -> None:
    session = Session().human("fix the code")
    key = session.call("Edit", {"file_path": "A"})
    session.add(
        "user",
        [
            {"type": "tool_result", "tool_use_id": key, "is_error": True, "content": "rejected"},
            {"type": "text", "text": "[Request interrupted by user for tool use]"},
            {"type": "text", "text": "stop the bot first"},
        ],
    )
    session.sends("STOP").says("Stopped.")
    take(desk, session)
    assert desk.only().message == "stop the bot first"


def test_what_the_program_writes_is_nobodys_words(desk: Any) -> None:
    session = Session().human("stop <system-reminder>Never do X.</system-reminder>").sends("STOP")
    session.human("Caveat: The messages below were generated by the user while running local commands.")
    session.human("<local-command-stdout>x</local-command-stdout>")
    session.human("<bash-input>ls</bash-input>")
    session.human("<system-reminder>Todo list changed</system-reminder>", isMeta=True)
    session.human("<system-reminder>Todo list changed</system-reminder>")
    session.human([])
    session.says("Stopped.")
    session.human("<command-name>/clear</command-name><command-args></command-args>")
    session.human("<command-message>frogs</command-message><command-name>/frogs</command-name>")
    session.human("Kill frogs as written in the command file", isMeta=True)
    session.sends("KILL_LOOP Frog none 5").says("Ok.")
    report = take(desk, session)
    assert (report.turns, report.refused) == (2, {"a slash command, no words": 1})
    assert (desk.only().message, desk.only().reply) == ("stop", "Stopped.")


def test_lines_of_other_types_are_passed_over(desk: Any) -> None:
    session = Session()
    other = [
        '{"type":"summary","summary":"\\"user\\" asked","leafUuid":"x"}',
        '{"type":"file-history-snapshot","messageId":"x","snapshot":{}}',
        '{"type":"progress","data":{"message":{"type":"user","message":{"role":"user","content":"sub"}}}}',
        '{"type":"queue-operation","operation":"enqueue","content":"\\"user\\""}',
    ]
    session.human("stop").sends("STOP")
    desk.write("a.jsonl", session.text([*other, *session.lines, *other]))
    report = desk.ingest()
    assert (report.turns, report.added, report.lines) == (1, 1, 11)


def test_resumed_and_forked_files_repeat_earlier_lines(desk: Any) -> None:
    session = Session().human("one").sends("GOTO 1 2 0").says("Going.")
    session.human("two").sends("STOP").says("Stopped.")
    desk.write("a.jsonl", session.text())
    resumed = [line.replace('"sessionId":"s1"', '"sessionId":"s2"') for line in session.lines]
    renamed = [line.replace('"uuid":"s1', '"uuid":"s3') for line in session.lines[:4]]
    more = Session("s9").human("three").sends("EAT Tuna").says("Eaten.")
    desk.write("b.jsonl", session.text([*resumed, *more.lines]))
    desk.write("c.jsonl", session.text([*renamed, *more.lines]))
    report = desk.ingest()
    assert (report.turns, report.added, report.known) == (7, 3, 4)
    assert sorted(trace.message for trace in desk.traces()) == ["one", "three", "two"]


def test_equal_turns_at_one_time_are_told_by_their_calls(desk: Any) -> None:
    session = Session()
    for _ in range(3):
        session.human("stop").sends("STOP").says("Stopped.")
    lines = [
        re.sub(r'"timestamp":"[^"]*"', '"timestamp":"2030-01-02T10:00:00Z"', line) for line in session.lines
    ]
    desk.write("a.jsonl", session.text(lines))
    report = desk.ingest()
    assert (report.turns, report.added) == (3, 3)
    assert [len(trace.steps) for trace in desk.traces()] == [1, 1, 1]


def test_lines_repeated_in_one_file_are_read_once(desk: Any) -> None:
    session = Session().human("one").sends("GOTO 1 2 0").says("Going.").human("two").sends("STOP").says("Ok.")
    twice = [line for line in session.lines for _ in range(2)]
    desk.write("a.jsonl", session.text([*twice, *session.lines]))
    report = desk.ingest()
    assert (report.turns, report.added) == (2, 2)
    assert [(t.message, len(t.steps), t.reply) for t in desk.traces()] == [
        ("one", 1, "Going."),
        ("two", 1, "Ok."),
    ]


@pytest.mark.parametrize(
    ("result", "said", "success"),
    [
        (OK, "great", True),
        (OK, "now fish", True),
        (OK, "that didn't work", False),
        (OK, "You are not killing anything, the character just stands there", False),
        (OK, "no", False),
        (OK, "kill frogs", False),
        ({"success": False, "error": "stuck"}, "great", False),
        ("Error: no client", "ok", False),
        ({"dispatched": False}, "", False),
        (OK, "", True),
    ],
)
def test_success_is_what_results_and_people_say(desk: Any, result: Any, said: str, success: bool) -> None:
    session = Session().human("kill frogs").sends("KILL_LOOP Frog none 5", result).says("Done, all killed!")
    if said:
        session.human(said).says("Hm.")
    take(desk, session)
    assert desk.only().meta["success"] is success


def test_a_torn_line_does_not_mix_turns(desk: Any) -> None:
    session = Session().human("one").sends("GOTO 1 2 0").says("Going.").human("two").sends("STOP").says("Ok.")
    lines = list(session.lines)
    lines[4] = lines[4][:-40]
    desk.write("a.jsonl", session.text(lines))
    report = desk.ingest()
    assert report.refused == {"not JSON, or torn": 1, "no message before the calls": 1}
    assert (desk.only().message, len(desk.only().steps)) == ("one", 1)


def test_a_torn_result_is_no_success(desk: Any) -> None:
    session = Session().human("one").sends("GOTO 1 2 0")
    desk.write("a.jsonl", session.text()[:-30])
    report = desk.ingest()
    assert report.refused == {"not JSON, or torn": 1}
    trace = desk.only()
    assert (trace.outcome, trace.meta["success"], trace.meta["damaged_lines"]) == ("failed", False, 1)


def test_words_typed_while_the_assistant_works(desk: Any) -> None:
    session = Session().human("kill frogs").sends("KILL_LOOP Frog none 5")
    typed = {
        "type": "queued_command",
        "commandMode": "prompt",
        "prompt": "no, cows",
        "origin": {"kind": "human"},
    }
    session.add("attachment", "", attachment=typed)
    session.add("attachment", "", attachment={**typed, "commandMode": "task-notification", "prompt": "x"})
    session.add("attachment", "", attachment={**typed, "origin": {"kind": "peer"}, "prompt": "from a peer"})
    session.add("attachment", "", attachment={"type": "todo_reminder", "content": []})
    session.human("from a peer too", origin={"kind": "peer"})
    session.sends("KILL_LOOP Cow none 5").says("Cows it is.")
    report = take(desk, session)
    assert (report.turns, report.added) == (2, 2)
    first, second = desk.traces()
    assert (first.meta["success"], first.meta["success_by"]) == (False, "next words: disputed.denial")
    assert (second.message, second.reply) == ("no, cows", "Cows it is.")


def test_a_session_that_is_still_written_is_marked(desk: Any) -> None:
    take(desk, Session().human("stop").sends("STOP"))
    assert desk.only().meta["open_end"] is True


def test_pictures_without_words(desk: Any) -> None:
    session = Session().human([{"type": "image", "source": {"data": "x" * 1000}}]).sends("STOP")
    session.human([{"type": "image", "source": {}}, {"type": "text", "text": "what is this"}]).sends("WHERE")
    report = take(desk, session)
    assert report.refused == {"no message of the player": 1}
    assert desk.only().message == "what is this"


def test_words_that_look_like_structure(desk: Any) -> None:
    words = 'say {"type":"tool_result","isSidechain":true,"name":"mcp__manny__send_command"}'
    session = Session().human(words).sends("STOP").says("Ok.")
    take(desk, session)
    assert desk.only().message == words


def test_files_are_shared_by_processes(desk: Any) -> None:
    for n in range(6):
        session = Session(f"s{n}").human(f"go {n}").sends(f"GOTO {n} 2 0").says("Going.").human("x").says("y")
        desk.write(f"{n}.jsonl", session.text())
    report = desk.ingest(processes=2)
    assert (report.files, report.turns, report.added) == (6, 12, 6)
    assert desk.ingest(processes=2).known == 6
    assert sorted(trace.message for trace in desk.traces()) == [f"go {n}" for n in range(6)]
