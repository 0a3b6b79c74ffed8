"""Rows become token ids and labels. The one place where it is decided what is trained on.

Token ids of a row are the segments' ids one after another, labels are the ids where the segment is trained
and -100 elsewhere. A row that is longer than allowed is dropped and counted, never cut.
"""

import hashlib
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from enactor.curate.rows import read_rows
from enactor.errors import EnactorError
from enactor.prompt import Segment

IGNORED = -100
"""The label of a token without loss; torch's and transformers' convention."""


class RowsError(EnactorError):
    """Rows that cannot be trained on."""


@dataclass(frozen=True, slots=True)
class Example:
    """`ids` and `labels` are of one length; `labels[i]` is `ids[i]` or IGNORED."""

    ids: tuple[int, ...]
    labels: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Examples:
    """What tokenizing gave. `too_long` rows were dropped; `hash` is `t1:` and 32 hex digits over ids and
    labels in order, the identity of what was trained on."""

    kept: tuple[Example, ...]
    too_long: int
    hash: str

    @property
    def tokens(self) -> int:
        """Tokens in all kept rows."""
        return sum(len(example.ids) for example in self.kept)

    @property
    def answer_tokens(self) -> int:
        """Tokens with loss in all kept rows."""
        return sum(label != IGNORED for example in self.kept for label in example.labels)


def encode(segments: Sequence[Segment], tokenizer: Any) -> Example:
    """One row. `tokenizer` is a fast tokenizer of transformers; it adds nothing."""
    ids: list[int] = []
    labels: list[int] = []
    for segment in segments:
        part = tokenizer(segment.text, add_special_tokens=False).input_ids
        ids += part
        labels += part if segment.train else [IGNORED] * len(part)
    return Example(tuple(ids), tuple(labels))


def encode_rows(rows: Iterable[Sequence[Segment]], tokenizer: Any, max_length: int) -> Examples:
    """All rows, in order. Raises `RowsError` when a row has no answer token, or none is short enough."""
    kept: list[Example] = []
    too_long = 0
    digest = hashlib.sha256()
    number = 0
    for number, segments in enumerate(rows, start=1):
        example = encode(segments, tokenizer)
        # The first token has nothing before it to be predicted from.
        if all(label == IGNORED for label in example.labels[1:]):
            text = "".join(segment.text for segment in segments)
            raise RowsError(
                f"row {number} has no answer to train on: {text[-80:]!r}. Each row ends with a turn of the "
                f"assistant; build the data set again"
            )
        if len(example.ids) > max_length:
            too_long += 1
            continue
        kept.append(example)
        digest.update(struct.pack(f"<q{len(example.ids)}q", len(example.ids), *example.ids))
        digest.update(struct.pack(f"<{len(example.labels)}q", *example.labels))
    if not kept:
        cure = (
            f"all {too_long} are longer than {max_length} tokens; raise max_length"
            if number
            else "build some"
        )
        raise RowsError(f"no rows to train on: {cure}")
    return Examples(tuple(kept), too_long, f"t1:{digest.hexdigest()[:32]}")


def read_segments(path: Path, *, earlier: bool = False) -> list[list[Segment]]:
    """The rows of a JSONL file that `enactor.curate` wrote, rendered; `earlier` as in `Row.segments`."""
    return [row.segments(earlier=earlier) for row in read_rows(path)]
