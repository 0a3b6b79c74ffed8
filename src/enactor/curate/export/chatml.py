"""The plan's own text: ChatML, a state header, `<tool_call>send_command({"command": "…"})</tool_call>`."""

from collections.abc import Iterable, Mapping, Sequence

from enactor.curate.export.example import Example, Operands
from enactor.curate.export.form import Line, Tools
from enactor.prompt import DIALECTS, render_row


class ChatML:
    """`{"text": …}`: a whole conversation as the model sees it. No runtime reads its calls but ours."""

    operands: Operands = "lowered"
    tools = False

    def lines(self, example: Example, tools: Tools) -> Iterable[Line]:
        """See `Form.lines`. The text has no place for descriptions of tools."""
        segments = render_row(example.messages, dialect=DIALECTS["compact"])
        yield {"text": "".join(segment.text for segment in segments)}

    def beside(self, files: Sequence[str]) -> Mapping[str, str]:
        """Nothing: a column `text` is what every trainer looks for."""
        return {}
