"""Preference pairs become token ids: one prompt, the right answer and the wrong one."""

import hashlib
import json
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from enactor.curate.pairs import Pair
from enactor.curate.rows import Row
from enactor.train.rows import IGNORED, Example, RowsError, encode

Pairs = Iterable[Pair] | Path
"""Pairs, or a JSONL file that `enactor pairs` wrote."""


@dataclass(frozen=True, slots=True)
class PairExample:
    """Token ids; both answers end with `<|im_end|>`."""

    prompt: tuple[int, ...]
    chosen: tuple[int, ...]
    rejected: tuple[int, ...]

    @property
    def tokens(self) -> int:
        """Tokens of both rows, the prompt in each."""
        return 2 * len(self.prompt) + len(self.chosen) + len(self.rejected)

    def rows(self) -> tuple[Example, Example]:
        """Both as rows with loss on the answer: the right one, the wrong one."""
        ignored = (IGNORED,) * len(self.prompt)
        return (
            Example(self.prompt + self.chosen, ignored + self.chosen),
            Example(self.prompt + self.rejected, ignored + self.rejected),
        )


@dataclass(frozen=True, slots=True)
class PairExamples:
    """What tokenizing gave. `too_long` pairs were dropped, `same` have answers of equal tokens and were
    dropped; `hash` is `p1:` and 32 hex digits over all ids in order."""

    kept: tuple[PairExample, ...]
    too_long: int
    same: int
    hash: str


def encode_pair(pair: Pair, tokenizer: Any) -> PairExample:
    """One pair. What stands before the answer, and what of it has loss, is decided where rows are."""
    chosen = encode(pair.row.segments(), tokenizer)
    wrong: Row = replace(pair.row, say=pair.rejected.calls, reply=pair.rejected.text)
    rejected = encode(wrong.segments(), tokenizer)
    prompt, right = _cut(chosen)
    before, bad = _cut(rejected)
    if prompt != before:  # both are rendered from the same turns
        raise RowsError(
            f"the two answers to {pair.row.message!r} have different prompts: make the pairs again"
        )
    return PairExample(prompt, right, bad)


def encode_pairs(pairs: Iterable[Pair], tokenizer: Any, max_length: int) -> PairExamples:
    """All pairs, in order. Raises `RowsError` when none is left."""
    kept: list[PairExample] = []
    too_long = same = 0
    digest = hashlib.sha256()
    for pair in pairs:
        example = encode_pair(pair, tokenizer)
        if example.chosen == example.rejected:
            same += 1
            continue
        if len(example.prompt) + max(len(example.chosen), len(example.rejected)) > max_length:
            too_long += 1
            continue
        kept.append(example)
        for ids in (example.prompt, example.chosen, example.rejected):
            digest.update(struct.pack(f"<q{len(ids)}q", len(ids), *ids))
    if not kept:
        raise RowsError(
            f"no pairs to train on ({too_long} are longer than {max_length} tokens, {same} have equal "
            f"answers): make some with `enactor pairs`, or raise max_length"
        )
    return PairExamples(tuple(kept), too_long, same, f"p1:{digest.hexdigest()[:32]}")


def read_pairs(path: Path) -> Iterator[Pair]:
    """The pairs of a file. Raises `RowsError` with the line's number for one that cannot be read."""
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                pair = Pair.from_json(json.loads(line.decode()))
            except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
                raise RowsError(
                    f"{path}:{number}: not a preference pair ({error!r}). `enactor pairs` writes them; rows "
                    f"of a data set are for the other methods"
                ) from error
            yield pair


def _cut(example: Example) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The prompt, and the answer up to its last token with loss. Raises `RowsError` where there is none."""
    places = [i for i, label in enumerate(example.labels) if label != IGNORED]
    if not places:
        raise RowsError("a pair has no answer to train on: make the pairs again")
    return example.ids[: places[0]], example.ids[places[0] : places[-1] + 1]
