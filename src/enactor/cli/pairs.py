"""`enactor pairs`: see `enactor.curate.pairs`."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from enactor.cli.command import Command, Config
from enactor.settings import Settings

if TYPE_CHECKING:
    from enactor.curate.pairs import Pair


class Pairs(Config):
    """Make preference pairs: a right answer and a wrong one, with what is wrong about it."""

    out: Path = Field(Path("runs/pairs.jsonl"), description="The file to write.")
    seed: int = Field(0, description="Seed of the pairs made from templates.")
    scale: float = Field(1.0, ge=0, description="1 makes 600 pairs from templates, 2 twice as many, 0 none.")
    traces: tuple[Path, ...] = Field((), description="Folder of a training log; may be repeated.")
    sample: str | None = Field(None, description="A model whose own wrong answers are taken, `base` mostly.")
    requests: int = Field(100, ge=1, description="Requests to sample on.")
    samples: int = Field(2, ge=1, description="Answers for each request.")
    temperature: float = Field(0.7, ge=0, le=2, description="Of the sampling.")


def run(config: Pairs, settings: Settings) -> int:
    """Write the pairs and print how many there are of which reason and origin."""
    from enactor.curate.pairs import REASONS, write_pairs

    digest, counts = write_pairs(config.out, _pairs(config, settings))
    total = sum(counts[reason] for reason in REASONS)
    print(f"{total} pairs written to {config.out} ({digest})")
    for reason in REASONS:
        origins = ", ".join(
            f"{origin} {n}"
            for origin in ("template", "log", "sampled")
            if (n := counts[f"{origin}: {reason}"])
        )
        if counts[reason]:
            print(f"  {reason:24} {counts[reason]:5}  ({origins})")
    return 0


def _pairs(config: Pairs, settings: Settings) -> Iterator["Pair"]:
    import random
    from itertools import islice

    from enactor.curate.gather import Selection, finished, read_stores
    from enactor.curate.pairs import log_pairs, sampled_pairs
    from enactor.curate.quality import FilterReport
    from enactor.curate.rejected import WANTED, template_pairs, training_rows
    from enactor.trace import ReadReport

    wanted = {reason: round(n * config.scale) for reason, n in WANTED.items()}
    rng = random.Random(f"pairs {config.seed}")
    rows = islice(training_rows(rng), 40 * sum(wanted.values()))
    yield from template_pairs(rows, wanted, rng)
    if config.traces:
        traces = read_stores([folder.expanduser() for folder in config.traces], ReadReport())
        yield from log_pairs(finished(traces, Selection(), FilterReport()))
    if config.sample:
        from enactor.serve.opening import open_engine, system_turn

        asked = islice(training_rows(random.Random(f"sampled {config.seed}")), config.requests)
        with open_engine(settings.model_copy(update={"model": config.sample}), slots=1) as engine:
            yield from sampled_pairs(
                engine,
                asked,
                samples=config.samples,
                temperature=config.temperature,
                seed=config.seed,
                system=system_turn(config.sample),
            )


COMMAND = Command(Pairs, run, ("threads", "context", "cache"))
