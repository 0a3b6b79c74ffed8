"""May it be promoted? Greedy calls of the trained weights against each precision and each engine.

A way that loses significantly many of the calls that the reference got right is refused, with the reason.
The test is McNemar's, exact and one-sided: among the prompts where just one of the two is right, as many
losses under a fair coin. With no gains the least loss that it sees at 5% is five prompts, of however many.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from enactor.curate import Funnel, Row, templates
from enactor.curate.build import draw
from enactor.deploy.parity import Parity, compare
from enactor.errors import EnactorError
from enactor.models import Gate, LlamaEngine
from enactor.models.engine import Engine
from enactor.prompt import END

ALPHA = 0.05
PROMPTS = 200
"""The fewest prompts on which a model is promoted."""

MAX_TOKENS = 160

Step = Callable[[], object]
Decoder = Callable[[Sequence[str], Step], list[str]]
"""Greedy turns for prompts, in order; the second argument is called after each."""


@dataclass(frozen=True, slots=True)
class Prompts:
    """Rendered prompts and the right turn to each."""

    texts: tuple[str, ...]
    right: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Matrix:
    """`ways` maps a way of decoding to its `Parity` with `reference`. `right` is how many turns each way,
    the reference too, has exactly right."""

    reference: str
    n: int
    ways: Mapping[str, Parity]
    right: Mapping[str, int]

    def gate(self, way: str, alpha: float = ALPHA, *, least: int = PROMPTS) -> Gate:
        """The verdict on one way. Fewer than `least` prompts are no proof."""
        found = self.ways[way]
        told = f"{way} against {self.reference}: {found}, p = {found.loss_probability:.3g}"
        if self.n < least:
            return Gate(False, f"{told}; {self.n} prompts are fewer than {least}")
        if found.loss_probability < alpha:
            return Gate(False, f"significant loss; {told}")
        return Gate(True, told)

    def rows(self) -> list[tuple[str, ...]]:
        """A table: way, right turns, equal calls, equal text, lost, gained, p."""
        first = (self.reference, f"{self.right[self.reference]}", "", "", "", "", "")
        return [
            first,
            *(
                (
                    way,
                    f"{self.right[way]}",
                    f"{p.same_calls}",
                    f"{p.same_text}",
                    f"{p.lost}",
                    f"{p.gained}",
                    f"{p.loss_probability:.3g}",
                )
                for way, p in self.ways.items()
            ),
        ]

    def to_json(self) -> dict[str, Any]:
        return {
            "reference": self.reference,
            "n": self.n,
            "right": dict(self.right),
            "ways": {way: asdict(parity) for way, parity in self.ways.items()},
        }


HEAD = ("way", "right", "equal calls", "equal text", "lost", "gained", "p")


def check(
    ways: Mapping[str, Decoder],
    prompts: Prompts,
    *,
    progress: Callable[[str], Step] = lambda name: lambda: None,
) -> Matrix:
    """Decode the prompts in every way and compare each with the first. `progress(way)` gives what is called
    after each prompt. Raises what the decoders raise."""
    if len(ways) < 2:
        raise EnactorError("parity needs two ways of decoding at least: a reference and another")
    said = {name: decode(prompts.texts, progress(name)) for name, decode in ways.items()}
    reference, *others = said
    right = {name: compare(texts, prompts.right, prompts.right).same_calls for name, texts in said.items()}
    found = {name: compare(said[reference], said[name], prompts.right) for name in others}
    return Matrix(reference, len(prompts.texts), found, right)


def prompts_of(rows: Sequence[Row]) -> Prompts:
    """The prompt of each row, up to where its answer begins, and the answer."""
    texts, right = [], []
    for row in rows:
        segments = row.segments()
        at = max(index for index, segment in enumerate(segments) if segment.train)
        texts.append("".join(segment.text for segment in segments[:at]))
        right.append(segments[at].text.removesuffix(END))
    return Prompts(tuple(texts), tuple(right))


def held_out_prompts(n: int = PROMPTS, seed: int = 0) -> Prompts:
    """`n` prompts in phrasings that no training row has, drawn in the mix of the data sets."""
    found = [template for template in templates() if template.held_out]
    rows = draw(found, n + n // 4 + 20, random.Random(f"parity {seed}"), Funnel())
    return prompts_of(rows[:n])


def trained(base: Path, adapter: Path) -> Decoder:
    """The trained weights themselves, by torch (the train extra)."""

    def decode(prompts: Sequence[str], step: Step) -> list[str]:
        from enactor.train.greedy import greedy

        return greedy(base, adapter, prompts, max_tokens=MAX_TOKENS, progress=step)

    return decode


def embedded(gguf: Path, *, threads: int | None = None) -> Decoder:
    """A GGUF by llama.cpp in this process."""

    def decode(prompts: Sequence[str], step: Step) -> list[str]:
        with LlamaEngine(gguf, threads=threads) as engine:
            return through(engine)(prompts, step)

    return decode


def through(engine: Engine) -> Decoder:
    """Any engine that is open already, a remote one for instance."""

    def decode(prompts: Sequence[str], step: Step) -> list[str]:
        texts = []
        for prompt in prompts:
            texts.append(engine.complete(prompt, max_tokens=MAX_TOKENS).text)
            step()
        return texts

    return decode
