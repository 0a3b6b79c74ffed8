"""`enactor ingest`: see `enactor.ingest`."""

import json
import sys
from pathlib import Path

from pydantic import Field

from enactor.cli.command import Command, Config
from enactor.ingest.kinds import Kind
from enactor.settings import Settings


class Ingest(Config):
    """Import other records as traces: bot conversations, training logs, raw command logs, coding-agent
    sessions and chats in the OpenAI form. Every turn found is added, known already, or refused with a reason.
    The originals stay as they are; a second run adds nothing."""

    path: tuple[Path, ...] = Field(
        (),
        description="Files, or folders to search. Without any: the setting records, or the usual places.",
        json_schema_extra={"positional": True},
    )
    store: Path | None = Field(None, description="Folder of the store. Without it the setting training_log.")
    kind: Kind | None = Field(None, description="What the files are. Without it each is told by its content.")
    processes: int | None = Field(
        None, ge=1, le=256, description="Processes that share the files. Without it: as it pays."
    )
    list_refused: bool = Field(
        False,
        description="Also list what was refused, as FILE:LINE: REASON. Without a path nothing is imported: "
        "what the store's list holds is printed.",
    )
    as_json: bool = Field(False, alias="json", description="Print the counts as JSON, and lists on stderr.")


def run(config: Ingest, settings: Settings) -> int:
    """Exit code 0 also when turns were refused: they are counted and listed. 1 where no file was of a known
    kind."""
    from enactor.errors import EnactorError
    from enactor.ingest import default_paths, ingest, sources

    folder = (config.store or settings.training_log).expanduser()
    if config.list_refused and not config.path:
        return _list(folder)
    paths = config.path or tuple(default_paths(settings.records))
    files = sources(paths, folder)
    if not files:
        raise EnactorError(
            f"no records in {', '.join(map(str, paths))}: *.jsonl and *.yaml are looked for; name other files"
        )
    report = ingest(
        files, folder, kind=config.kind, processes=config.processes, keep_refusals=config.list_refused
    )
    if config.as_json:
        print(json.dumps(report.record()))
    if report.unknown and len(report.unknown) == report.files:
        known = "bot conversations, training logs, command logs, coding-agent sessions, OpenAI chats"
        raise EnactorError(
            f"{', '.join(report.unknown[:3])}: none of the known records ({known}); if it is one, "
            "say which with --kind"
        )
    for path, line, reason in report.refusals:
        print(f"{path}:{line}: {reason}", file=sys.stderr if config.as_json else sys.stdout)
    for path in report.unknown[:5]:
        print(f"enactor: {path} is none of the known records; say which with --kind", file=sys.stderr)
    if len(report.unknown) > 5:
        print(f"enactor: and {len(report.unknown) - 5} more", file=sys.stderr)
    if config.as_json:
        return 0
    kinds = ", ".join(f"{kind} {n}" for kind, n in report.kinds.most_common())
    print(f"{report.files} files ({kinds}), {report.lines} lines, {report.turns} turns")
    print(f"{report.added:8} added")
    print(f"{report.known:8} known already")
    for reason, n in report.refused.most_common():
        print(f"{n:8} refused: {reason}")
    if report.ratings:
        print(f"{report.ratings:8} ratings taken over")
    if report.missing:
        print("Keys that rows lack: " + ", ".join(f"{key} {n}" for key, n in report.missing.most_common(8)))
    print(f"The store is {folder}.")
    return 0


def _list(folder: Path) -> int:
    """What the list of refusals in a store holds."""
    from enactor.ingest.write import REFUSED
    from enactor.trace.files import parse

    path = folder / REFUSED
    if not path.exists():
        print(f"nothing was refused: there is no {path}", file=sys.stderr)
        return 0
    with path.open("rb") as lines:
        for line in lines:
            if (row := parse(line)) is not None:
                print(f"{row['file']}:{row['line']}: {row['reason']}")
    return 0


COMMAND = Command(Ingest, run, ("training_log", "records"))
