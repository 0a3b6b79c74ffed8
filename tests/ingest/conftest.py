"""Files of records made by hand, and one call that imports them as a user does."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from enactor.ingest import Kind, Report, ingest, sources
from enactor.trace import Trace, TraceStore


class Desk:
    """A folder of records and a store."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "records"
        self.folder.mkdir()
        self.store = folder / "store"

    def write(self, name: str, content: bytes | str | Iterable[Any]) -> Path:
        """Bytes and text as they are, anything else as JSON lines."""
        path = self.folder / name
        if isinstance(content, str):
            content = content.encode()
        if not isinstance(content, bytes):
            content = "".join(json.dumps(row) + "\n" for row in content).encode()
        path.write_bytes(content)
        return path

    def ingest(self, *paths: Path, kind: Kind | None = None, processes: int = 1) -> Report:
        """Import and check that every turn is accounted for."""
        files = sources(paths or [self.folder], self.store)
        report = ingest(files, self.store, kind=kind, processes=processes, keep_refusals=True)
        assert report.added + report.known + report.refused.total() == report.turns
        assert len(report.refusals) == report.refused.total()
        return report

    def traces(self) -> list[Trace]:
        return list(TraceStore(self.store).iterate())

    def only(self) -> Trace:
        [trace] = self.traces()
        return trace


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


Line = dict[str, Any]


@pytest.fixture
def told() -> Callable[..., list[Line]]:
    """The lines of one request in a bot's conversation log."""

    def lines(
        message: str,
        calls: Iterable[tuple[str, Any, Any]] = (),
        reply: str | None = "On the way.",
        *,
        request: str = "1015302233",
        at: str = "10:15:30",
        user: str = "u",
        count: int | None = None,
    ) -> list[Line]:
        calls = list(calls)
        base = {"request_id": request}
        found: list[Line] = [
            {
                "type": "request",
                **base,
                "timestamp": f"2030-01-02T{at}.223344",
                "user_id": 1,
                "username": user,
                "message": message,
                "task_type": "simple_command",
                "account_id": "acct",
            }
        ]
        for n, (tool, arguments, result) in enumerate(calls):
            found.append(
                {
                    "type": "tool_call",
                    **base,
                    "timestamp": f"2030-01-02T{at}.9000{n:02}",
                    "tool": tool,
                    "arguments": arguments,
                    "result": result,
                }
            )
        if reply is not None:
            found.append(
                {
                    "type": "response",
                    **base,
                    "timestamp": f"2030-01-02T{at}.999999",
                    "response": reply,
                    "tool_calls_count": len(calls) if count is None else count,
                    "error": None,
                }
            )
        return found

    return lines
