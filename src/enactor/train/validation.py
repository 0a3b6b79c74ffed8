"""Held-out rows: their loss, and whether the calls that the model would make on them are right.

A row whose answer tokens are all the likeliest ones, given those before, is answered exactly right by greedy
decoding. Only the others are decoded, and judged by what their calls come to in the row's state.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from enactor.curate.pairs import compare, judge_text
from enactor.curate.rows import Action, Row, read_rows
from enactor.prompt import DIALECTS, Dialect, Segment
from enactor.train.greedy import decode
from enactor.train.memory import growing_blocks
from enactor.train.recipe import Recipe
from enactor.train.rows import IGNORED, Examples, encode, encode_rows

MAX_TOKENS = 96
_PLAIN = "sdpa"


@dataclass(frozen=True, slots=True)
class Validation:
    """`rows` are those of `examples`, in order; None where only their texts are known."""

    examples: Examples
    rows: tuple[Row, ...] | None


def validation(
    rows: Iterable[Sequence[Segment]] | Path | None, tokenizer: Any, max_length: int
) -> Validation | None:
    """The held-out rows, tokenized; those that are too long are left out."""
    if rows is None:
        return None
    if not isinstance(rows, Path):
        return Validation(encode_rows(rows, tokenizer, max_length), None)
    kept = tuple(row for row in read_rows(rows) if len(encode(row.segments(), tokenizer).ids) <= max_length)
    return Validation(encode_rows((row.segments() for row in kept), tokenizer, max_length), kept)


def looker(
    model: Any, held: Validation, tokenizer: Any, recipe: Recipe, fused: bool
) -> Callable[[], dict[str, float]]:
    """A function that gives the figures of the held-out rows as the model is now: `eval_loss`,
    `eval_token_accuracy`, `eval_row_accuracy` (see `plain.held_out`), and `eval_calls`, the share of the
    first `eval_rows` rows whose greedy turn comes to the right calls."""
    from enactor.train.plain import held_out

    examples = held.examples.kept

    def look() -> dict[str, float]:
        found: dict[str, float]
        found, exact = held_out(model, examples, batch=recipe.batch, pad=tokenizer.pad_token_id, fused=fused)
        if held.rows and recipe.eval_rows:
            rows = held.rows[: recipe.eval_rows]
            missed = [i for i in range(len(rows)) if not exact[i]]
            right = len(rows) - len(missed)
            prompts = [_prompt(examples[i].ids, examples[i].labels) for i in missed]
            with _decoding(model, fused), growing_blocks(recipe.method != "grpo"):
                texts = decode(model, tokenizer, prompts, max_tokens=MAX_TOKENS)
            dialect = DIALECTS[recipe.dialect]
            right += sum(is_right(rows[i], text, dialect) for i, text in zip(missed, texts, strict=True))
            found["eval_calls"] = right / len(rows)
        return found

    return look


def is_right(row: Row, text: str, dialect: Dialect) -> bool:
    """Whether the text, as the whole turn of the model, comes to what the row's answer does."""
    turn = dialect.parse(text)
    if turn.well_formed and turn.calls:
        return compare(row, tuple(Action(c.tool, dict(c.parsed or {})) for c in turn.calls)) is None
    return judge_text(row, text) is None


def _prompt(ids: Sequence[int], labels: Sequence[int]) -> Sequence[int]:
    return ids[: next(i for i, label in enumerate(labels) if label != IGNORED)]


@contextmanager
def _decoding(model: Any, fused: bool) -> Iterator[None]:
    """The model in evaluation, attending as transformers does."""
    from enactor.train.fused import use_shared_prefix

    was_training = model.training
    model.eval()
    if fused:
        model.get_base_model().set_attn_implementation(_PLAIN)
    try:
        yield
    finally:
        if fused:
            use_shared_prefix(model)
        model.train(was_training)
