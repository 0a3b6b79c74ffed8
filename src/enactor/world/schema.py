"""The declarations as others want them: JSON Schema, OpenAI and MCP tool lists, one-line help."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from enactor.world.commands import COMMANDS
from enactor.world.grammar import usage
from enactor.world.operands import TYPES
from enactor.world.spec import CommandSpec, Operand, ToolSpec
from enactor.world.tools import TOOLS


def describe(verb: str) -> str:
    """`USAGE: summary` of a declared verb. Raises `KeyError` for another."""
    spec = COMMANDS[verb]
    return f"{usage(spec)}: {spec.summary}"


def json_schema(verb: str | None = None) -> dict[str, Any]:
    """JSON Schema of one command as an object `{"verb": …, operand: value, …}`; without `verb`, of any.

    Operands may be symbolic. A command with several forms is an `anyOf` of them.
    """
    if verb is None:
        return {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": "Command",
            "oneOf": [json_schema(name) for name in COMMANDS],
        }
    spec = COMMANDS[verb]
    forms = [_form_schema(spec, form) for form in spec.forms]
    if len(forms) == 1:
        return {"title": verb, "description": spec.summary, **forms[0]}
    return {"title": verb, "description": spec.summary, "anyOf": forms}


def _form_schema(spec: CommandSpec, form: Iterable[Operand]) -> dict[str, Any]:
    operands = list(form)
    return {
        "type": "object",
        "properties": {"verb": {"const": spec.verb}, **{o.name: _operand_schema(o) for o in operands}},
        "required": ["verb", *(o.name for o in operands if not o.optional)],
        "additionalProperties": False,
    }


def _operand_schema(operand: Operand) -> dict[str, Any]:
    schema = TYPES[operand.type].schema(operand)
    if operand.note:
        schema["description"] = operand.note
    if operand.default is not None:
        schema["default"] = operand.default
    return schema


def openai_tools(names: Iterable[str] | None = None) -> list[dict[str, Any]]:
    """The tools as OpenAI's chat API wants them, all or those named; `KeyError` for an unknown name."""
    return [
        {
            "type": "function",
            "function": {"name": t.name, "description": t.summary, "parameters": dict(t.parameters)},
        }
        for t in _chosen(names)
    ]


def mcp_tools(names: Iterable[str] | None = None) -> list[dict[str, Any]]:
    """The tools in the form of MCP's `tools/list`, with hints from their effect class."""
    return [
        {
            "name": t.name,
            "description": t.summary,
            "inputSchema": dict(t.parameters),
            "annotations": {
                "readOnlyHint": t.effect == "read",
                "destructiveHint": t.effect == "destructive",
                "idempotentHint": t.effect == "read",
                "openWorldHint": False,
            },
        }
        for t in _chosen(names)
    ]


def _chosen(names: Iterable[str] | None) -> list[ToolSpec]:
    return list(TOOLS.values()) if names is None else [TOOLS[name] for name in names]
