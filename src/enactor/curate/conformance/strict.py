"""Our own strict parser."""

from enactor.curate.conformance.reading import Reading, reading
from enactor.prompt import DIALECTS, Dialect


class Strict:
    """The parser of a dialect, nothing mended."""

    name = "enactor"

    def __init__(self, dialect: Dialect = DIALECTS["hermes"]) -> None:
        self._dialect = dialect

    def read(self, turn: str) -> Reading:
        """See `Runtime.read`. A turn that is not wholly in the dialect's grammar has a problem."""
        parsed = self._dialect.parse(turn)
        for call in parsed.calls:
            if call.parse_error is not None:
                return Reading(turn, problem=call.parse_error)
        if parsed.stray:
            return Reading(turn, problem=f"text after the calls: {parsed.stray[:40]!r}")
        return reading(parsed.text, ((call.tool, call.parsed) for call in parsed.calls))
