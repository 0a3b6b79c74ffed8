"""The grammar as GBNF, llama.cpp's language for what may be decoded.

`gbnf` covers one command line with symbolic operands, `turn_gbnf` a whole turn of calls in the Hermes
dialect. Names are character classes, so a grammar does not grow with the game; verbs, tools and closed
choices are lists.
https://github.com/ggml-org/llama.cpp/blob/master/grammars/README.md
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from enactor.world.commands import COMMANDS
from enactor.world.operands import NAME_LENGTH, TYPES
from enactor.world.spec import CommandSpec, Operand
from enactor.world.tools import TOOLS

MAX_CALLS = 6
"""Calls that one turn may hold."""
_LINES = ("command",)  # parameters that are command lines
# `name` and `word` start with a letter, so that digits cannot run away into them. No quote and no backslash
# stand in `text`: inside a call it is part of a JSON string.
_TERMINALS = {
    "name": f"[A-Za-z] [A-Za-z0-9_'()/.&+-]{{0,{NAME_LENGTH - 1}}}",
    "word": "[A-Za-z] [A-Za-z_]{0,23}",
    "text": "[A-Za-z0-9_.,!?'():/&+-] [A-Za-z0-9 _.,!?'():/&+-]{0,79}",
    "string": '"\\"" [^"\\\\\\x00-\\x1F]{0,120} "\\""',
    "integer": "[0-9]{1,6}",
    "number": '[0-9]{1,6} ("." [0-9]{1,3})?',
    "boolean": '("true" | "false")',
}


def gbnf(verbs: Iterable[str] | None = None) -> str:
    """Grammar of one command line, root rule `root`, for all declared verbs or those given.

    Raises `KeyError` for a verb that is not declared.
    """
    rules = _command_rules(verbs)
    return _render({"root": "command", **rules})


def turn_gbnf(
    verbs: Iterable[str] | None = None,
    tools: Iterable[str] | None = None,
    calls: int = MAX_CALLS,
    *,
    first: str | None = None,
) -> str:
    """Grammar of one assistant turn: one to `calls` Hermes `<tool_call>` blocks and nothing else, the first
    of them with the verb or tool `first` where that is given.

    A command inside `send_command` (and the other tools that take one) is constrained as in `gbnf`, other
    arguments by their schema: the required ones first, optional ones in the order of the declaration.
    """
    chosen = list(TOOLS if tools is None else tools)
    opening = "call" if first is None else "opening"
    rules = {
        "root": f'{opening} ("\\n" call){{0,{calls - 1}}}' if calls > 1 else opening,
        "call": _block("tool"),
        "tool": " | ".join(_rule_name("tool", name) for name in chosen),
    }
    if first is not None and first in COMMANDS:
        line = f'"{first}" {_operands_rule(COMMANDS[first])}'.strip()
        head = _literal('"send_command", "arguments": {"command": "')
        rules["opening"] = _block(f'{head} {line} "\\"}}"')
    elif first is not None:
        rules["opening"] = _block(_rule_name("tool", first))
    for name in chosen:
        rules[_rule_name("tool", name)] = _tool_rule(name)
    return _render({**rules, **_command_rules(verbs)})


def words_gbnf() -> str:
    """Grammar of an answer in words: anything that does not begin as a call does."""
    return "root ::= [^<{ \\n] [^\\n]*\n"


def _block(tool: str) -> str:
    return f'"<tool_call>\\n{{\\"name\\": " {tool} "}}\\n</tool_call>"'


def _command_rules(verbs: Iterable[str] | None) -> dict[str, str]:
    specs = [COMMANDS[verb] for verb in (COMMANDS if verbs is None else verbs)]
    # Verbs with the same operands share a rule: the grammar stays small and fast to build.
    heads: dict[str, list[str]] = {}
    for spec in specs:
        heads.setdefault(_operands_rule(spec), []).append(spec.verb)
    rules: dict[str, str] = {}
    alternatives = []
    for number, (operands, same) in enumerate(heads.items()):
        rule = f"command-{number}"
        alternatives.append(rule)
        literals = " | ".join(f'"{verb}"' for verb in same)
        rules[rule] = f"({literals}) {operands}".strip()
    return {"command": " | ".join(alternatives), **rules}


def _operands_rule(spec: CommandSpec) -> str:
    forms = list(dict.fromkeys(_form_rule(form) for form in spec.forms))
    return forms[0] if len(forms) == 1 else "(" + " | ".join(forms) + ")"


def _form_rule(form: Sequence[Operand]) -> str:
    """Operands in order; optional ones nest, so that none can be given without those before it."""
    if not form:
        return ""
    operand, later = form[0], _form_rule(form[1:])
    own = f'" " {TYPES[operand.type].grammar(operand)}'
    inner = f"{own} {later}".strip()
    return f"({inner})?" if operand.optional else inner


def _tool_rule(name: str) -> str:
    schema = TOOLS[name].parameters
    properties: Mapping[str, Any] = schema["properties"]
    required = [key for key in properties if key in schema["required"]]
    optional = [key for key in properties if key not in schema["required"]]
    head = f'"\\"{name}\\", \\"arguments\\": {{"'
    pairs = {key: f'"\\"{key}\\": " {_value_rule(key, properties[key])}' for key in properties}
    body = ' ", " '.join(pairs[key] for key in required)
    if required:
        body += "".join(f' (", " {pairs[key]})?' for key in optional)
    elif optional:
        starts = []
        for i, key in enumerate(optional):
            rest = "".join(f' (", " {pairs[other]})?' for other in optional[i + 1 :])
            starts.append(f"{pairs[key]}{rest}")
        body = "(" + " | ".join(starts) + ")?"
    return f'{head} {body} "}}"'.replace("  ", " ")


def _value_rule(key: str, schema: Mapping[str, Any]) -> str:
    if key in _LINES:
        return '"\\"" command "\\""'
    if "enum" in schema:
        return "(" + " | ".join(_literal(json.dumps(choice)) for choice in schema["enum"]) + ")"
    if schema["type"] == "array":
        item = _value_rule("", schema["items"])
        return f'"[" {item} (", " {item}){{0,5}} "]"'
    return str(schema["type"])


def _literal(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _rule_name(kind: str, name: str) -> str:
    return f"{kind}-{name.replace('_', '-')}"


def _render(rules: Mapping[str, str]) -> str:
    """The rules with the terminals that they use, one rule a line."""
    body = "\n".join(f"{name} ::= {rule}" for name, rule in rules.items())
    used = {name: rule for name, rule in _TERMINALS.items() if _mentions(body, name)}
    return "\n".join((body, *(f"{name} ::= {rule}" for name, rule in used.items()))) + "\n"


def _mentions(body: str, name: str) -> bool:
    import re

    outside = re.sub(r'"(?:[^"\\]|\\.)*"', " ", body)
    return re.search(rf"(?<![\w-]){name}(?![\w-])", outside) is not None
