"""What a player sees and what the log keeps when something goes wrong: the table in docs/discord.md.

    python benchmarks/faults.py            # plays every fault and prints the table
    python benchmarks/faults.py --write    # puts it into docs/discord.md

The bot is the real one, on the real discord.py, against the tests' Discord on the loopback.
"""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "discord.md"
BEGIN, END = "<!-- faults: begin -->", "<!-- faults: end -->"


async def table() -> str:
    """The table, a row for each fault."""
    from discord_faults import FAULTS, run_fault

    from enactor.serve.discord.words import escaped

    lines = ["| | Fault | The player reads | The log holds |", "|---|---|---|---|"]
    for fault in FAULTS:
        with tempfile.TemporaryDirectory() as folder:
            row = await asyncio.wait_for(run_fault(fault, Path(folder)), 60)
        seen = (
            row.seen.replace(folder, "FOLDER")
            .replace(escaped(folder), "FOLDER")
            .replace("|", "\\|")
            .replace("\n", " ⏎ ")
        )
        lines.append(f"| {fault.group} | {fault.name} | {seen} | {row.kept} |")
        print(lines[-1], file=sys.stderr, flush=True)
    return "\n".join(lines)


def main() -> int:
    """0."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="put it into docs/discord.md")
    options = parser.parse_args()
    sys.path.insert(0, str(ROOT / "tests" / "serve"))
    made = asyncio.run(table())
    if not options.write:
        print(made)
        return 0
    page = PAGE.read_text(encoding="utf-8")
    head, _, rest = page.partition(BEGIN)
    _, _, tail = rest.partition(END)
    PAGE.write_text(f"{head}{BEGIN}\n{made}\n{END}{tail}", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
