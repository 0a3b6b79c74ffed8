"""The kinds of records, and which one a file is."""

import re
from pathlib import Path
from typing import Literal, get_args

from enactor.ingest.chats import Chats
from enactor.ingest.commands import CommandLog
from enactor.ingest.conversations import Conversations
from enactor.ingest.found import Importer
from enactor.ingest.lines import Lines, Unreadable, decode
from enactor.ingest.sessions import Sessions
from enactor.ingest.training import TrainingLog

Kind = Literal["conversation", "training", "commands", "session", "chat"]

KINDS: tuple[Kind, ...] = get_args(Kind)

IMPORTERS: dict[Kind, type[Importer]] = {
    "conversation": Conversations,
    "training": TrainingLog,
    "commands": CommandLog,
    "session": Sessions,
    "chat": Chats,
}

LOOK = 200
"""Lines that are looked at to tell a file's kind."""

_NAMES: tuple[tuple[str, Kind], ...] = (
    (r"conversations_.*\.jsonl", "conversation"),
    (r"training_\d{4}.*\.jsonl", "training"),
    (r"commands_.*\.ya?ml", "commands"),
)


def kind_of(path: Path) -> Kind | None:
    """The kind by the first line that can only be of one; by the name where no line tells. None for an
    unknown file and for an empty one. Raises OSError where it cannot be read."""
    for (_, line), _ in zip(Lines(path), range(LOOK), strict=False):
        try:
            row = decode(
                line.decode("utf-8", "replace").encode()
            )  # in another encoding it is still of its kind
        except Unreadable:
            row = None
        for kind, importer in IMPORTERS.items():
            if importer().recognises(line, row):
                return kind
    name = path.name.removesuffix(".gz")
    return next((kind for pattern, kind in _NAMES if re.fullmatch(pattern, name)), None)
