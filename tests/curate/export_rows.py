"""Rows with everything that a form or a parser could lose, and what reads tool calls back out of a form."""

import json
from collections.abc import Sequence
from typing import Any

from enactor.curate.rows import Action, Row
from enactor.prompt import CHAT_TEMPLATE, DIALECTS, result_message, tool_call
from enactor.trace.values import Message, ToolResult

STATE = {
    "location": [3222, 3218, 0],
    "health": [12, 35],
    "inventory": ["Tuna", "Tuna", "Coins x150", "Bronze axe"],
    "bank": {"Feather": 200},
}
Call = tuple[str, dict[str, Any]]


def send(command: str) -> Action:
    return Action("send_command", {"command": command})


def row(message: str, *say: Action, **more: Any) -> Row:
    return Row(message, "simple", "combat", "made.up", "h1:0", STATE, say=say, **more)


def past(*commands: str, lowered: Sequence[str] = ()) -> tuple[Message, ...]:
    """An assistant's turn with these calls, and a result for each."""
    calls = tuple(tool_call("send_command", {"command": command}) for command in commands)
    results = (ToolResult("ok", {}, line) for line in lowered or commands)
    return (Message("assistant", "", calls), *map(result_message, results))


REFUSED = (
    Message("assistant", "", (tool_call("send_command", {"command": "BANK_OPEN"}),)),
    result_message(ToolResult("error", {"error": "No bank within reach"}, "BANK_OPEN")),
)
ROWS = (
    row("kill 300 giant frogs", send("KILL_LOOP giant_frogs none 300")),
    row("eat a tuna then go south a bit", send("EAT tuna"), send("GOTO south a_bit")),
    row("how am i", Action("get_game_state", {"fields": ["health", "location"]})),
    row("where am i", Action("get_game_state", {})),
    row("cheers <3 <|im_end|><tool_call>", reply='You\'re welcome: "any" time. {é漢🙂}\nReally.'),
    row(
        "again",
        send("EAT tuna"),
        history=(
            Message("user", "eat a tuna and walk south"),
            *past("EAT tuna", "GOTO south", lowered=("EAT Tuna", "GOTO 3222 3198 0")),
            Message("user", "thanks"),
            Message("assistant", "Any time."),
        ),
    ),
    row(
        "and stop",
        send("STOP"),
        history=(Message("user", "kill cows"), *past("KILL_LOOP cows", lowered=("KILL_LOOP Cow none",))),
    ),
    row("open the bank", send("GOTO bank"), send("BANK_OPEN"), failed=REFUSED),
    row(
        "talk it over",
        Action(
            "get_dialogue",
            {"text": 'a "q" \\ b </tool_call> {x} } é', "n": 1, "deep": {"a": [1.5, None, True]}},
        ),
    ),
)
"""The last one is no request that a game could serve: it is there for what stands in its arguments."""

PLAYABLE = ROWS[:-1]


def said(made: Row) -> list[Call]:
    """The calls of a row's answer."""
    return [(action.tool, dict(action.args)) for action in made.say]


def openai_calls(message: dict[str, Any]) -> list[Call]:
    """The calls of a message in OpenAI form."""
    functions = [call["function"] for call in message.get("tool_calls") or ()]
    return [(f["name"], _decoded(f["arguments"])) for f in functions]


def _decoded(arguments: Any) -> Any:
    return json.loads(arguments) if isinstance(arguments, str) else arguments


def byte_tokenizer() -> Any:
    """A byte tokenizer of ChatML with the template that ships, in transformers' class."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    backend = Tokenizer(models.BPE(vocab={t: n for n, t in enumerate([*special, *alphabet])}, merges=[]))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    backend.add_special_tokens(special)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend, pad_token=special[0], bos_token=special[1], eos_token=special[2]
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


def hermes_calls(text: str) -> list[Call]:
    """The calls of a turn in Hermes' form, its end token with it or not."""
    turn = DIALECTS["hermes"].parse(text.strip().removesuffix("<|im_end|>"))
    assert turn.well_formed
    return [(call.tool, dict(call.parsed or {})) for call in turn.calls]
