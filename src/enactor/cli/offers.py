"""`enactor offers`: see `enactor.train.offers`."""

import sys
from pathlib import Path

from pydantic import Field

from enactor.cli.command import Command, Config
from enactor.settings import Settings


class OffersConfig(Config):
    """Fit the offered commands to the phrasebook: after a change of the phrases, before training."""

    out: Path | None = Field(None, description="The file. Without it: the package's own.")
    check: bool = Field(False, description="Only say whether the file fits the phrasebook.")


def run(config: OffersConfig, settings: Settings) -> int:
    """Exit code 1 when `--check` finds a file that was fitted to other phrases."""
    from enactor.train.offers import fit_offers, phrasings_hash, training_phrasings
    from enactor.world.cards import OFFERS_FILE, load_offers

    path = config.out or OFFERS_FILE
    phrasings = training_phrasings()
    if config.check:
        if load_offers(path).phrasings == phrasings_hash(phrasings):
            print(f"{path}: fitted to these {len(phrasings):,} phrasings")
            return 0
        print(f"{path}: fitted to other phrasings; run `enactor offers`", file=sys.stderr)
        return 1
    fit_offers(phrasings).save(path)
    print(f"{path}: fitted to {len(phrasings):,} phrasings, {path.stat().st_size / 2**20:.1f} MB")
    return 0


COMMAND = Command(OffersConfig, run)
"""What `enactor.cli` runs."""
