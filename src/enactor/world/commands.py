"""Reads `data/commands.yaml` into `COMMANDS`. Nothing else in the package lists verbs."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, cast

from enactor.errors import EnactorError
from enactor.world.declared import read_data
from enactor.world.operands import TYPES
from enactor.world.spec import CommandSpec, Need, Operand

_OPERAND_KEYS = {"name", "type", "optional", "default", "fill", "low", "high", "choices", "aliases", "note"}
_COMMAND_KEYS = {
    "verb", "family", "summary", "effect", "duration", "operands", "forms", "needs", "prefer", "examples",
    "was", "notes",
}  # fmt: skip


def read_operand(raw: str | Mapping[str, Any]) -> Operand:
    """A bare word is both name and type; a mapping has the fields of `Operand`."""
    if isinstance(raw, str):
        raw = {"name": raw, "type": raw}
    _refuse_unknown("operand", raw, _OPERAND_KEYS)
    if raw["type"] not in TYPES:
        raise EnactorError(f"commands.yaml: operand type {raw['type']!r} is not in operands.TYPES")
    return Operand(**{**raw, "choices": tuple(raw.get("choices", ()))})


def read_need(raw: Mapping[str, Any]) -> Need:
    """`{item: food}` names an operand, `{item: ["* axe"]}` lists names; see `Need` for the kinds."""
    kind = next(iter(raw))
    value = raw[kind]
    unless = tuple(raw.get("unless", ()))
    operand = value if isinstance(value, str) else raw.get("operand")
    if kind == "item":
        names = tuple(raw.get("any", value if isinstance(value, list) else ()))
        return Need("item", names, raw.get("where", "held"), operand, unless=unless)
    if kind in ("near", "in_bank", "runes"):
        return Need(cast(Any, kind), tuple(value) if isinstance(value, list) else (), operand=operand)
    if kind == "level":
        ((skill, level),) = value.items()
        return Need("level", skill=skill, level=level)
    if kind == "by":
        return Need("by", operand=raw["operand"], table=value)
    if kind in ("space", "food", "bank", "dialogue"):
        return Need(cast(Any, kind))
    raise EnactorError(f"commands.yaml: unknown prerequisite {kind!r}")


def read_command(raw: Mapping[str, Any]) -> CommandSpec:
    """One entry of the file; unknown keys are refused."""
    _refuse_unknown(str(raw.get("verb")), raw, _COMMAND_KEYS)
    forms = raw.get("forms", [raw.get("operands", [])])
    return CommandSpec(
        verb=raw["verb"],
        family=raw["family"],
        summary=raw["summary"],
        effect=raw["effect"],
        duration=raw["duration"],
        forms=tuple(tuple(read_operand(o) for o in form) for form in forms),
        needs=tuple(read_need(n) for n in raw.get("needs", ())),
        prefer=raw.get("prefer"),
        examples=tuple(raw.get("examples", ())),
        was=tuple(raw.get("was", ())),
        notes=tuple(raw.get("notes", ())),
    )


def _refuse_unknown(where: str, raw: Mapping[str, Any], known: set[str]) -> None:
    if extra := set(raw) - known:
        raise EnactorError(
            f"commands.yaml: {where} has unknown keys {sorted(extra)}; known are {sorted(known)}"
        )


COMMANDS: Mapping[str, CommandSpec] = MappingProxyType(
    {spec.verb: spec for spec in map(read_command, read_data("commands.yaml")["commands"])}
)
"""Every declared command by verb, in the order of the file."""

FORMER_VERBS: Mapping[str, str] = MappingProxyType(
    {was: spec.verb for spec in COMMANDS.values() for was in spec.was}
)
"""Verbs that models make up, each with the declared verb that was meant."""

LEFT_OUT: tuple[tuple[tuple[str, ...], str], ...] = tuple(
    (tuple(entry["verbs"]), entry["why"]) for entry in read_data("commands.yaml")["left_out"]
)
"""Commands of the plugin that are not declared, with the reason."""
