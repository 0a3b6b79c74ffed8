"""Sessions of a coding agent (Claude Code): `~/.claude/projects/*/*.jsonl`.

A turn runs from a message of the human to the next one, over many lines: one for each block of the
assistant's messages, and lines of type `user` that hold the results. Most lines are code and output of other
tools, so lines are told apart by their bytes and only those are decoded that a person may have written or
that belong to a call of the game. `session_text` says which words are a person's.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from enactor.ingest.found import Found, Refused, Turn
from enactor.ingest.game import MENTIONED, game_tool
from enactor.ingest.lines import Lines, Unreadable
from enactor.ingest.said import seconds_between
from enactor.ingest.session_line import SessionLine, read_line
from enactor.ingest.session_text import interrupts, queued, read_words, text_of
from enactor.ingest.steps import UNANSWERED, make_call, make_step
from enactor.trace import Step, content_hash

TYPES = frozenset(
    {"user", "assistant", "summary", "system", "progress", "attachment", "file-history-snapshot"}
    | {"queue-operation", "last-prompt", "custom-title", "ai-title", "agent-name", "permission-mode"}
)
_SIDE = b'"isSidechain":'
_TEXT = (b'"type":"text","text":', b'"type": "text", "text":')
_CALL = (b'"type":"tool_use"', b'"type": "tool_use"')


@dataclass(slots=True)
class _Turn:
    """A turn that is still running. `words` is None for calls that no message of a person stands before."""

    line: int
    words: str | None
    timestamp: str = ""
    last: str = ""
    uuid: str = ""
    session: str = ""
    is_command: bool = False
    calls: dict[str, tuple[str, Any]] = field(default_factory=dict)
    results: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    named: set[str] = field(default_factory=set)
    waiting: set[bytes] = field(default_factory=set)
    servers: set[str] = field(default_factory=set)
    texts: deque[bytes] = field(default_factory=lambda: deque(maxlen=4))
    others: int = 0
    side_calls: int = 0
    interrupted: bool = False
    damaged: int = 0

    @property
    def is_fresh(self) -> bool:
        """Whether nothing followed the words yet."""
        return not (self.calls or self.others or self.texts)


class Sessions:
    """See the module."""

    def recognises(self, line: bytes, row: Any) -> bool:
        if not isinstance(row, dict) or row.get("type") not in TYPES or "request_id" in row:
            return False
        return bool({"message", "sessionId", "uuid", "leafUuid", "snapshot"} & row.keys())

    def read(self, lines: Lines) -> Iterator[Found]:
        session = _Session()
        for number, line in lines:
            yield from session.take(number, line)
        yield from session.end()


class _Session:
    """One file being read."""

    def __init__(self) -> None:
        self.turn: _Turn | None = None
        self.seen: set[str] = set()
        self.previous = ""

    def take(self, number: int, line: bytes) -> Sequence[Found]:
        """Look at a line; the turn that it completes, or why it cannot be read."""
        turn = self.turn
        if line[:1] != b"{" or line[-1:] != b"}":
            return self._decoded(number, line)
        side = line.find(_SIDE)
        if side >= 0 and line.startswith((b"true", b" true"), side + len(_SIDE)):
            if MENTIONED.search(line):
                self.turn = turn or _Turn(number, None)
                self.turn.side_calls += 1
            return ()
        if b'"tool_result"' in line:
            ours = turn is not None and any(name in line for name in turn.waiting)
            # A person may have spoken in the same line; results of other tools rarely hold blocks of text.
            texts = b'"text"' in line and any(mark in line for mark in _TEXT)
            return self._decoded(number, line) if ours or texts else ()
        if _CALL[0] in line or _CALL[1] in line:
            if MENTIONED.search(line):
                return self._decoded(number, line)
            if turn is not None and b'"assistant"' in line:
                turn.others += 1
            return ()
        if b'"user"' in line or b'"queued_command"' in line:
            return self._decoded(number, line)
        if turn is not None and b'"assistant"' in line and b'"text"' in line:
            turn.texts.append(line)
        return ()

    def end(self, said_next: str | None = None, timestamp: str = "") -> Sequence[Found]:
        """Close the running turn."""
        turn, self.turn = self.turn, None
        if turn is None:
            return ()
        if not turn.calls and (turn.is_command or (turn.words is None and not turn.side_calls)):
            return ()
        return (self._closed(turn, said_next, timestamp),)

    def _closed(self, turn: _Turn, said_next: str | None, timestamp: str) -> Turn | Refused:
        if not turn.calls:
            if turn.damaged:
                return Refused(turn.line, "no call that can be read: damaged lines")
            if turn.side_calls:
                return Refused(turn.line, "game calls in a side chain only")
            return Refused(turn.line, "only other tools (code editing)" if turn.others else "no tool call")
        if turn.is_command:
            return Refused(turn.line, "a slash command, no words")
        if turn.words is None:
            return Refused(turn.line, "no message before the calls")
        if not turn.words:
            return Refused(turn.line, "no message of the player")
        return self._made(turn, turn.words, said_next, timestamp)

    def _made(self, turn: _Turn, words: str, said_next: str | None, timestamp: str) -> Turn:
        steps = tuple(_step(turn, key) for key in turn.calls)
        reply = self._reply(turn)
        calls = [
            [key if key in turn.named else "", step.call.tool, step.call.arguments]
            for key, step in zip(turn.calls, steps, strict=True)
        ]
        identity = content_hash(["session", turn.timestamp or turn.uuid, words, calls, reply])
        meta: dict[str, Any] = {
            "session": turn.session,
            "servers": sorted(turn.servers),
            "other_calls": turn.others,
            "side_calls": turn.side_calls,
            "interrupted": turn.interrupted,
            "unanswered_calls": sum(key not in turn.results for key in turn.calls),
            "damaged_lines": turn.damaged,
            "open_end": not reply and said_next is None and not timestamp,
            "previous": self.previous,
        }
        self.previous = identity
        return Turn(
            line=turn.line,
            identity=identity,
            message=words,
            reply=reply,
            steps=steps,
            source="claude_code",
            timestamp=turn.timestamp,
            said_next=said_next,
            seconds_later=seconds_between(turn.last or turn.timestamp, timestamp),
            interrupted=turn.interrupted,
            meta={key: value for key, value in meta.items() if value},
        )

    def _decoded(self, number: int, line: bytes) -> Sequence[Found]:
        try:
            row = read_line(line)
        except Unreadable as error:
            return self._damaged(number, line, str(error))
        message = queued(row.attachment) if row.type == "attachment" else row.message
        if row.type not in ("user", "assistant", "attachment") or message is None:
            return ()
        if row.isSidechain or row.isMeta or self._repeated(row):
            return ()
        content = message.content
        blocks = [b for b in content if isinstance(b, dict)] if isinstance(content, list) else []
        if row.type == "assistant":
            self._calls(number, row, blocks)
            return ()
        self._results(row, blocks)
        origin = message.origin or row.origin
        elsewhere = isinstance(origin, dict) and origin.get("kind") not in (None, "human")
        if row.isCompactSummary or row.isVisibleInTranscriptOnly or elsewhere:
            return ()
        return self._words(number, row, content, blocks)

    def _damaged(self, number: int, line: bytes, reason: str) -> Sequence[Found]:
        """A line that cannot be read. If it was a person's, what follows belongs to no turn."""
        if self.turn is not None:
            self.turn.damaged += 1
        refused = Refused(number, reason)
        if b'"user"' in line and b'"tool_result"' not in line:
            done = self.end()
            self.turn = _Turn(number, None)
            return (*done, refused)
        return (refused,)

    def _repeated(self, row: SessionLine) -> bool:
        """Whether this line was here before: resumed sessions write earlier lines again."""
        uuid = row.uuid
        if not isinstance(uuid, str):
            return False
        known = uuid in self.seen
        self.seen.add(uuid)
        return known

    def _calls(self, number: int, row: SessionLine, blocks: list[dict[str, Any]]) -> None:
        if self.turn is None:
            self.turn = _Turn(number, None)
        turn = self.turn
        for block in blocks:
            if block.get("type") != "tool_use":
                continue
            name = str(block.get("name") or "")
            tool = game_tool(name)
            if tool is None:
                turn.others += 1
                continue
            key = str(block.get("id") or f"{number}:{len(turn.calls)}")
            if key not in turn.calls:
                if block.get("id"):
                    turn.named.add(key)
                turn.calls[key] = (tool, block.get("input"))
                turn.waiting.add(key.encode())
                turn.texts.clear()  # the reply is what is said after the last call
                if name.startswith("mcp__"):
                    turn.servers.add(name.removeprefix("mcp__").rpartition("__")[0])
        turn.session = turn.session or str(row.sessionId or "")
        turn.last = str(row.timestamp or turn.last)

    def _results(self, row: SessionLine, blocks: list[dict[str, Any]]) -> None:
        turn = self.turn
        if turn is None:
            return
        for block in blocks:
            key = str(block.get("tool_use_id"))
            if block.get("type") == "tool_result" and key in turn.calls:
                turn.results.setdefault(key, block)
                turn.waiting.discard(key.encode())
                turn.last = str(row.timestamp or turn.last)

    def _words(
        self, number: int, row: SessionLine, content: Any, blocks: list[dict[str, Any]]
    ) -> Sequence[Found]:
        """A line of type `user`: a person's message, or the program's."""
        text = text_of(content)
        if interrupts(text) and self.turn is not None:
            self.turn.interrupted = True
        writer, words = read_words(text)
        wordless = not words and not any(block.get("type") == "image" for block in blocks)
        if writer == "program" or (writer == "person" and wordless):
            return ()
        stamp = str(row.timestamp or "")
        turn = self.turn
        if turn is not None and turn.is_fresh and stamp and (turn.timestamp, turn.words) == (stamp, words):
            return ()  # the line again, under another id
        done = self.end(words if writer == "person" else None, stamp)
        self.turn = _Turn(
            line=number,
            words=words,
            timestamp=stamp,
            uuid=str(row.uuid or ""),
            session=str(row.sessionId or ""),
            is_command=writer == "command",
        )
        return done

    def _reply(self, turn: _Turn) -> str:
        """The last text after the last call."""
        for line in reversed(turn.texts):
            try:
                row = read_line(line)
            except Unreadable:
                continue
            if row.type != "assistant" or row.message is None or self._repeated(row):
                continue
            if row.isApiErrorMessage or row.message.model == "<synthetic>":
                continue  # the program's, in the model's place
            if text := text_of(row.message.content).strip():
                return text
        return ""


def _step(turn: _Turn, key: str) -> Step:
    tool, arguments = turn.calls[key]
    call = make_call(tool, arguments)
    block = turn.results.get(key)
    if block is None:
        return make_step(call, dict(UNANSWERED))
    content = block.get("content")
    result = text_of(content) if isinstance(content, list) else content
    return make_step(call, "" if result is None else result, is_error=bool(block.get("is_error")))
