"""The generated pages are as fresh as the declarations."""

from pathlib import Path

from enactor.world import COMMANDS, TOOLS
from enactor.world.reference import commands_page, tools_page, write_pages

DOCS = Path(__file__).parents[2] / "docs"


def test_pages_are_fresh() -> None:
    cure = "run: python -m enactor.world.reference docs"
    assert (DOCS / "commands.md").read_text(encoding="utf-8") == commands_page(), cure
    assert (DOCS / "tools.md").read_text(encoding="utf-8") == tools_page(), cure


def test_pages_name_everything(tmp_path: Path) -> None:
    commands, tools = (path.read_text(encoding="utf-8") for path in write_pages(tmp_path))
    assert all(f"### {verb}\n" in commands for verb in COMMANDS)
    assert all(f"## {name}\n" in tools for name in TOOLS)
    assert "KILL_LOOP_CONFIG" in commands
