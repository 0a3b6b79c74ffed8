"""Axolotl's `chat_template` data: OpenAI messages, each with a flag that says whether it is trained on."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from enactor.curate.export.example import Example, Operands
from enactor.curate.export.form import Line, Tools, chat, with_tools
from enactor.prompt import CHAT_TEMPLATE, END


class Axolotl:
    """`{"messages": [{"role", "content", "tool_calls"?, "train"}]}`, and the part of Axolotl's configuration
    that reads it with the template that ships."""

    operands: Operands = "said"
    tools = False

    def lines(self, example: Example, tools: Tools) -> Iterable[Line]:
        """See `Form.lines`. Only the last turn has `train` true."""
        *prompt, answer = chat(example.messages)
        messages = [{**m, "train": False} for m in prompt] + [{**answer, "train": True}]
        yield with_tools({"messages": messages}, tools)

    def beside(self, files: Sequence[str]) -> Mapping[str, str]:
        """`axolotl.yaml`: the keys `datasets`, `chat_template` and what they need, to be put into a
        recipe."""
        import yaml

        config: dict[str, Any] = {
            "chat_template": "jinja",
            "chat_template_jinja": CHAT_TEMPLATE,
            "eot_tokens": [END],
            "train_on_inputs": False,
            "datasets": [
                {
                    "path": name,
                    "ds_type": "json",
                    "type": "chat_template",
                    "field_messages": "messages",
                    "message_field_training": "train",
                    "roles_to_train": [],
                    "train_on_eos": "turn",
                }
                for name in files
            ],
        }
        return {"axolotl.yaml": yaml.safe_dump(config, sort_keys=False, allow_unicode=True)}
