"""A row of a data set, and its file: one canonical JSON object a line."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from enactor.curate.files import replaced_together
from enactor.errors import EnactorError
from enactor.prompt import Segment, render_row, tool_call, user_content
from enactor.trace import canonical_json, content_hash
from enactor.trace.values import Message
from enactor.world import GameState
from enactor.world.phrasebook import Kind

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Action:
    """A call by its tool and arguments, as the cases and the training log write it."""

    tool: str
    args: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Row:
    """One request with its right answer.

    `state` is a case state. `say` is what is trained: the calls in the player's own words, or `reply` where
    no call is due. `expect` are the same calls with canonical names, for scoring. `template` is the key of
    the phrasing, `group` its meaning, `family` the file of the phrasebook. In `history` the turns before.
    `offered` are the commands that the prompt offers; in a row with renamed commands their cards, whole.
    `failed` are the calls of a first try that the game or the gate refused, with the results, shown and not
    trained.
    """

    message: str
    kind: Kind
    family: str
    group: str
    template: str
    state: Mapping[str, Any]
    say: tuple[Action, ...] = ()
    expect: tuple[Action, ...] = ()
    reply: str = ""
    history: tuple[Message, ...] = ()
    offered: tuple[str, ...] = ()
    failed: tuple[Message, ...] = ()
    meta: Mapping[str, Any] = field(default_factory=dict)

    @property
    def mix_kind(self) -> str:
        """What the row counts as in a mix: its kind, or how it was made where that is a kind of its own."""
        if self.meta.get("recovery"):
            return "recovery"
        return "prerequisite" if self.meta.get("blocked") else self.kind

    def messages(self) -> list[Message]:
        """The conversation that is rendered, the right answer last."""
        return [
            *self.history,
            Message("user", user_content(self.message, GameState.from_case(self.state), self.offered)),
            *self.failed,
            Message("assistant", self.reply, tuple(tool_call(a.tool, a.args) for a in self.say)),
        ]

    def segments(self, *, earlier: bool = False) -> list[Segment]:
        """Text and loss mask: the last turn is trained on. With `earlier` the calls of earlier turns are too,
        where they are known to be right: in a synthetic row's history. Earlier text is not, since some of it
        is there to be disputed, and neither is a first try that was refused."""
        messages = self.messages()
        taught = len(self.history) if earlier and "recorded" not in self.meta else 0
        masked = {
            i
            for i, m in enumerate(messages[:-1])
            if m.role == "assistant" and not (i < taught and m.tool_calls)
        }
        return render_row(messages, masked=masked)

    def to_json(self) -> dict[str, Any]:
        """The object that stands on the row's line."""
        return {
            "schema": SCHEMA,
            "message": self.message,
            "kind": self.kind,
            "family": self.family,
            "group": self.group,
            "template": self.template,
            "state": dict(self.state),
            "say": [_action(a) for a in self.say],
            "expect": [_action(a) for a in self.expect],
            "reply": self.reply,
            "history": [_message(m) for m in self.history],
            "offered": list(self.offered),
            "failed": [_message(m) for m in self.failed],
            "meta": dict(self.meta),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Row":
        """The inverse of `to_json`. Raises KeyError on a missing field."""
        return cls(
            message=data["message"],
            kind=data["kind"],
            family=data["family"],
            group=data["group"],
            template=data["template"],
            state=data["state"],
            say=tuple(Action(a["tool"], a["args"]) for a in data["say"]),
            expect=tuple(Action(a["tool"], a["args"]) for a in data["expect"]),
            reply=data["reply"],
            history=tuple(map(_read_message, data["history"])),
            offered=tuple(data.get("offered", ())),
            failed=tuple(map(_read_message, data["failed"])),
            meta=data["meta"],
        )


def write_rows(path: Path, rows: Iterable[Row]) -> str:
    """Write the rows and return the content hash of the file's rows in order. The file appears whole; raises
    `EnactorError` where it cannot be written."""
    lines = [canonical_json(row.to_json()) for row in rows]
    with replaced_together() as beside:
        beside(path).write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return content_hash(lines)


def read_rows(path: Path) -> Iterator[Row]:
    """The rows of a file. Raises `EnactorError` with the line's number for one that cannot be read."""
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                row = Row.from_json(json.loads(line.decode()))
            except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
                raise EnactorError(
                    f"{path}:{number}: not a row of a data set ({error!r}). Build the data set again."
                ) from error
            yield row


def rows_hash(rows: Sequence[Row]) -> str:
    """Identity of a data set: the hash that `write_rows` returns."""
    return content_hash([canonical_json(row.to_json()) for row in rows])


def _action(action: Action) -> dict[str, Any]:
    return {"tool": action.tool, "args": dict(action.args)}


def _message(message: Message) -> dict[str, Any]:
    return {
        "role": message.role,
        "content": message.content,
        "tool_calls": [{"tool": c.tool, "arguments": c.arguments} for c in message.tool_calls],
    }


def _read_message(data: Mapping[str, Any]) -> Message:
    calls = tuple(tool_call(c["tool"], json.loads(c["arguments"])) for c in data["tool_calls"])
    return Message(data["role"], data["content"], calls)
