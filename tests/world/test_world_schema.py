"""JSON Schemas and tool lists."""

import json

import pytest

from enactor.errors import EnactorError
from enactor.world import COMMANDS, TOOLS, describe, json_schema, mcp_tools, openai_tools, world_hash
from enactor.world.commands import LEFT_OUT, read_command
from enactor.world.tools import TOOLS_LEFT_OUT, read_tool


@pytest.mark.parametrize("verb", COMMANDS)
def test_schema_of_every_command(verb: str) -> None:
    schema = json_schema(verb)
    forms = schema.get("anyOf", [schema])
    assert len(forms) == len(COMMANDS[verb].forms)
    for form in forms:
        assert form["properties"]["verb"] == {"const": verb}
        assert set(form["required"]) <= set(form["properties"])
    assert json.loads(json.dumps(schema)) == schema
    assert describe(verb).startswith(verb)
    assert describe(verb).endswith(COMMANDS[verb].summary)


def test_schema_of_all() -> None:
    assert len(json_schema()["oneOf"]) == len(COMMANDS)


def test_tool_lists() -> None:
    assert [t["function"]["name"] for t in openai_tools()] == list(TOOLS)
    assert [t["name"] for t in openai_tools_named()] == ["send_command", "get_logs"]
    hints = {t["name"]: t["annotations"] for t in mcp_tools()}
    assert hints["get_game_state"]["readOnlyHint"]
    assert hints["stop_runelite"]["destructiveHint"]
    assert not hints["send_command"]["readOnlyHint"]
    with pytest.raises(KeyError):
        openai_tools(["fly_away"])


def openai_tools_named() -> list[dict[str, str]]:
    return [t["function"] for t in openai_tools(["send_command", "get_logs"])]


def test_nothing_is_both_declared_and_left_out() -> None:
    assert not {v for verbs, _ in LEFT_OUT for v in verbs} & set(COMMANDS)
    assert not {t for tools, _ in TOOLS_LEFT_OUT for t in tools} & set(TOOLS)


def test_made_up_verbs_are_not_declared_and_meant_once() -> None:
    made_up = [was for spec in COMMANDS.values() for was in spec.was]
    assert not set(made_up) & set(COMMANDS)
    assert len(made_up) == len(set(made_up))


def test_unknown_keys_are_refused() -> None:
    with pytest.raises(EnactorError, match="unknown keys"):
        read_command({"verb": "X", "famly": "combat"})
    with pytest.raises(EnactorError, match="must have the keys"):
        read_tool({"name": "x"})


def test_hash_is_versioned() -> None:
    assert world_hash().startswith("w1:")
    assert len(world_hash()) == 35
