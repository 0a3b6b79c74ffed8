"""`enactor build`: see `enactor.curate.build` and, for recipes, `enactor.curate.chain`."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field

from enactor.cli.command import Command
from enactor.curate import BuildConfig, build
from enactor.settings import Settings

_PLAIN = ("rows", "test_rows", "leave_out")


class Build(BuildConfig):
    """Make a data set: by a recipe (recorded requests first, synthetic ones up to its counts), or without one
    from the phrasebook alone."""

    recipe: str | None = Field(
        None,
        description="A YAML file, or one of the recipes that ship: large, recorded, small.",
        json_schema_extra={"positional": True},
    )
    traces: tuple[Path, ...] = Field((), description="Folder of a training log; may be repeated.")
    labelled: tuple[Path, ...] = Field(
        (), description="File that `enactor label rows` wrote; may be repeated."
    )


def run(config: Build, settings: Settings) -> int:
    """Build the data set and print what came of it."""
    from enactor.errors import EnactorError

    given = config.model_fields_set
    if config.recipe is not None:
        if wrong := [name for name in _PLAIN if name in given]:
            flags = ", ".join(f"--{name.replace('_', '-')}" for name in wrong)
            raise EnactorError(f"{flags} is for a build without a recipe: put the counts into the recipe")
        return _by_recipe(config, settings)
    if config.traces or config.labelled:
        flag = "--traces" if config.traces else "--labelled"
        raise EnactorError(f"{flag} needs a recipe: try `enactor build recorded {flag} …`")
    plain = BuildConfig(**config.model_dump(include=set(BuildConfig.model_fields)))
    manifest = build(plain).manifest
    for split in ("train", "test"):
        counts = manifest[split]
        kinds = ", ".join(f"{kind} {n}" for kind, n in counts["kinds"].items())
        print(f"{split}: {counts['rows']} rows from {counts['templates']} phrasings ({kinds})")
    print(f"phrasings in both splits: {manifest['template_overlap']}")
    for reason, n in manifest["refused"].items():
        print(f"left out, {reason}: {n}")
    _certificate(manifest["certificate"])
    print(f"written to {config.out}")
    return 0


def _by_recipe(config: Build, settings: Settings) -> int:
    given = config.model_fields_set
    from contextlib import ExitStack

    from enactor.curate.chain import run_recipe
    from enactor.curate.recipe import load_build_recipe
    from enactor.curate.teacher import Teacher

    changes: dict[str, Any] = {key: getattr(config, key) for key in {"seed", "out"} & given}
    recipe = load_build_recipe(str(config.recipe), changes)
    named = {
        key: tuple(path.expanduser() for path in getattr(config, key))
        for key in {"traces", "labelled"} & given
    }
    if named:
        recipe = recipe.model_copy(update={"gather": recipe.gather.model_copy(update=named)})
    with ExitStack() as open_:
        teacher = None
        if recipe.gather.teacher:
            from enactor.serve.opening import open_engine

            engine = open_engine(settings.model_copy(update={"model": recipe.gather.teacher}))
            open_.callback(engine.close)
            teacher = Teacher(engine)
        manifest = run_recipe(recipe, teacher=teacher, progress=lambda line: print(line, file=sys.stderr))
    _print_manifest(manifest)
    if teacher is not None:
        print(
            f"teacher: asked {teacher.asked} times, {teacher.taught} answers held; "
            f"{teacher.worded} other wordings"
        )
    print(f"written to {recipe.out}")
    return 0


def _print_manifest(manifest: Mapping[str, Any]) -> None:
    """Counts by kind and split with the recorded share, what was removed and why, the certificate."""
    splits = [name for name in ("train", "test", "novel") if name in manifest]
    kinds = sorted({kind for name in splits for kind in manifest[name]["kinds"]})
    print(f"{'':12}" + "".join(f"{name:>8}" for name in splits) + f"{'recorded':>10}{'share':>8}")
    for kind in kinds:
        numbers = "".join(f"{manifest[name]['kinds'].get(kind, 0):8}" for name in splits)
        recorded = sum(manifest[name]["recorded"].get(kind, 0) for name in splits)
        rows = sum(manifest[name]["kinds"].get(kind, 0) for name in splits)
        print(f"{kind:12}{numbers}{recorded:10}{recorded / rows:8.0%}")
    rows = sum(manifest[name]["rows"] for name in splits)
    recorded = sum(sum(manifest[name]["recorded"].values()) for name in splits)
    numbers = "".join(f"{manifest[name]['rows']:8}" for name in splits)
    print(f"{'all':12}{numbers}{recorded:10}{recorded / (rows or 1):8.0%}")
    for reason, n in manifest["gathered"]["refused"].items():
        print(f"rows of the log that cannot be read, {reason}: {n}")
    found = manifest["filter"]
    if found["read"]:
        print(f"recorded requests: {found['read']} read, {found['kept']} kept")
        for what in ("mended", "removed"):
            for rule, n in found[what].items():
                print(f"  {what}, {rule}: {n}")
        shown = ((r, e) for r in found["removed"] for e in found["examples"].get(r, ()))
        for rule, example in shown:
            print(f"    {rule}: {example['message']!r} {example['calls']} ({example['reason']})")
    for reason, n in manifest["removed"].items():
        if n:
            print(f"left out, {reason}: {n}")
    for kind, n in manifest["short"].items():
        print(f"too few, {kind}: {n} missing")
    _certificate(manifest["certificate"])


def _certificate(found: Mapping[str, Any]) -> None:
    verdict = "passes" if found["passes"] else "FAILS: " + "; ".join(found["problems"])
    print(
        f"certificate: phrasings in both splits {found['templates']}; test rows near a training row "
        f"{found['near']} of {found['test']} (MinHash, {found['threshold']} or more); "
        f"training rows of held-out families {found['family_overlap']}; {verdict}"
    )


COMMAND = Command(Build, run, ("threads", "context", "cache"))
