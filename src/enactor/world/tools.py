"""Reads `data/tools.yaml` into `TOOLS`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from enactor.errors import EnactorError
from enactor.world.declared import read_data
from enactor.world.spec import ToolSpec

_KEYS = {"name", "family", "effect", "summary", "required", "parameters"}


def read_tool(raw: Mapping[str, Any]) -> ToolSpec:
    """One entry of the file; unknown and missing keys are refused."""
    if set(raw) != _KEYS:
        raise EnactorError(f"tools.yaml: {raw.get('name')} must have the keys {sorted(_KEYS)}")
    schema = {
        "type": "object",
        "properties": raw["parameters"],
        "required": raw["required"],
        "additionalProperties": False,
    }
    return ToolSpec(raw["name"], raw["summary"], raw["effect"], schema, raw["family"])


TOOLS: Mapping[str, ToolSpec] = MappingProxyType(
    {tool.name: tool for tool in map(read_tool, read_data("tools.yaml")["tools"])}
)
"""Every declared tool by name, in the order of the file."""

TOOLS_LEFT_OUT: tuple[tuple[tuple[str, ...], str], ...] = tuple(
    (tuple(entry["tools"]), entry["why"]) for entry in read_data("tools.yaml")["left_out"]
)
"""Tools known elsewhere that are not declared, with the reason."""
