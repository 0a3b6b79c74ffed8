"""TRL's conversational forms: supervised, preference pairs (DPO), and single judgements (KTO)."""

from collections.abc import Iterable, Mapping, Sequence

from enactor.curate.export.example import Example, Operands
from enactor.curate.export.form import Line, Tools, chat, rejected, with_tools


class Trl:
    """`{"prompt": [messages], "completion": [message]}`: TRL trains on the completion alone."""

    operands: Operands = "said"
    tools = False

    def lines(self, example: Example, tools: Tools) -> Iterable[Line]:
        """See `Form.lines`."""
        line = {"prompt": chat(example.prompt), "completion": chat([example.chosen])}
        yield with_tools(line, tools)

    def beside(self, files: Sequence[str]) -> Mapping[str, str]:
        """Nothing; the template has to be set on the tokenizer."""
        return {}


class Dpo:
    """`{"prompt", "chosen", "rejected", "reason"}`, the first three lists of messages."""

    operands: Operands = "said"
    tools = False

    def lines(self, example: Example, tools: Tools) -> Iterable[Line]:
        """See `Form.lines`."""
        line = {
            "prompt": chat(example.prompt),
            "chosen": chat([example.chosen]),
            "rejected": chat([rejected(example)]),
            "reason": example.reason,
        }
        yield with_tools(line, tools)

    def beside(self, files: Sequence[str]) -> Mapping[str, str]:
        """Nothing."""
        return {}


class Kto:
    """`{"prompt", "completion", "label", "reason"}`: two lines of a pair, the chosen turn with label true and
    the rejected one with false. A row without a rejected turn gives the first line only."""

    operands: Operands = "said"
    tools = False

    def lines(self, example: Example, tools: Tools) -> Iterable[Line]:
        """See `Form.lines`."""
        prompt = chat(example.prompt)
        good = {"prompt": prompt, "completion": chat([example.chosen]), "label": True, "reason": ""}
        yield with_tools(good, tools)
        if example.rejected is not None:
            bad = {
                "prompt": prompt,
                "completion": chat([example.rejected]),
                "label": False,
                "reason": example.reason,
            }
            yield with_tools(bad, tools)

    def beside(self, files: Sequence[str]) -> Mapping[str, str]:
        """Nothing."""
        return {}
