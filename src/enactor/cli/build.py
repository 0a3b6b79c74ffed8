"""`enactor build`: see `enactor.curate.build`."""

from enactor.cli.command import Command
from enactor.curate import BuildConfig, build
from enactor.settings import Settings


def run(config: BuildConfig, settings: Settings) -> int:
    """Build the data set and print what came of it."""
    manifest = build(config).manifest
    for split in ("train", "test"):
        counts = manifest[split]
        kinds = ", ".join(f"{kind} {n}" for kind, n in counts["kinds"].items())
        print(f"{split}: {counts['rows']} rows from {counts['templates']} phrasings ({kinds})")
    print(f"phrasings in both splits: {manifest['template_overlap']}")
    for reason, n in manifest["refused"].items():
        print(f"left out, {reason}: {n}")
    print(f"written to {config.out}")
    return 0


COMMAND = Command(BuildConfig, run)
