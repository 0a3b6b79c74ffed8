"""How many tokens rows have: by the base's own tokenizer where it is at hand, else by what its kind needs."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from enactor.prompt import Segment
from enactor.train.gpu.frames import FRAMES
from enactor.train.gpu.plan import FrameName

CHARACTERS: Mapping[FrameName, tuple[float, float]] = {
    "chatml": (3.75, 4.15),
    "llama3": (4.78, 3.58),
    "mistral": (2.77, 2.61),
}
"""Characters a token, in what is shown and in what is answered: measured on 1,000 of our rows with the merges
of Qwen and Llama 3 and with Mistral's V3 tokenizer, between the figures for lowered operands and for those in
the player's words, which are 3% off to either side."""


@dataclass(frozen=True, slots=True)
class Lengths:
    """Tokens of each row, and those of them with loss. `exact` is False where they are estimated from the
    number of characters."""

    all: tuple[int, ...]
    answers: tuple[int, ...]
    exact: bool


def count(rows: Iterable[Sequence[Segment]], base: str, frame: FrameName) -> Lengths:
    """The lengths of the rows. Nothing is fetched: the tokenizer is looked for in the folder that `base`
    names and in the cache of the Hugging Face hub."""
    tokenizer = tokenizer_at_hand(base, frame)
    shown, answered = CHARACTERS[frame]
    totals: list[int] = []
    answers: list[int] = []
    for row in rows:
        if tokenizer is not None:
            found = [len(tokenizer(segment.text, add_special_tokens=False).input_ids) for segment in row]
        else:
            found = [
                max(1, round(len(segment.text) / (answered if segment.train else shown))) for segment in row
            ]
        totals.append(sum(found))
        answers.append(sum(n for n, segment in zip(found, row, strict=True) if segment.train))
    return Lengths(tuple(totals), tuple(answers), tokenizer is not None)


def tokenizer_at_hand(base: str, frame: FrameName) -> Any:
    """The base's tokenizer if it is on this machine and has the marks of the frame, else None."""
    try:
        from transformers import AutoTokenizer
    except ImportError:
        return None
    path = Path(base).expanduser()
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(path) if path.is_dir() else base, local_files_only=True)
    except (OSError, ValueError):  # what transformers raises where nothing is in the cache
        return None
    return tokenizer if all(len(missing(tokenizer, mark)) == 0 for mark in FRAMES[frame].marks) else None


def missing(tokenizer: Any, mark: str) -> str:
    """`mark` if the tokenizer does not know it as one token, else the empty string."""
    ids = tokenizer(mark, add_special_tokens=False).input_ids
    return "" if len(ids) == 1 and tokenizer.convert_ids_to_tokens(ids[0]) == mark else mark
