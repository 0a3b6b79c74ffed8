"""The shapes of the declared interface: what a command, an operand, a prerequisite and a tool are.

Pure values; `commands.py` and `tools.py` fill them from `data/*.yaml`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Effect = Literal["read", "reversible", "destructive"]
Duration = Literal["instant", "blocking", "loop"]
NeedKind = Literal["item", "in_bank", "bank", "level", "near", "runes", "space", "food", "dialogue", "by"]
OperandValue = str | int


class CommandError(Exception):
    """A command line that the grammar or the world cannot take: a slip of the model or a player, no crash.

    `message` says which operand, what was expected and what was found. `nearest` is a line or verb that
    would be valid, when one is close. `candidates` are the names that could have been meant, best first.
    `operand` is which operand could not be lowered, from 0, where it is one.
    """

    def __init__(self, message: str, nearest: str | None = None, candidates: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.nearest = nearest
        self.candidates = candidates
        self.operand: int | None = None


@dataclass(frozen=True, slots=True)
class Operand:
    """One operand. `type` names an entry of `operands.TYPES`.

    `default` is what the plugin assumes when the operand is left out; `fill` is what the canonical form
    writes in its place (only where a later operand could not be given otherwise). `low` and `high` bound
    integers, both inclusive. `choices` are the words of an enumeration in canonical spelling, `aliases` other
    words for them.
    """

    name: str
    type: str
    optional: bool = False
    default: OperandValue | None = None
    fill: OperandValue | None = None
    low: int | None = None
    high: int | None = None
    choices: tuple[str, ...] = ()
    aliases: Mapping[str, str] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True, slots=True)
class Need:
    """One prerequisite of a command.

    kind      meaning of the other fields
    item      the item in `operand`, or else one of `any_of` (display names, `*` matches anything), is held;
              `where` is `either` when worn counts too
    in_bank   the item in `operand` is in the bank
    food      something edible is held
    bank      the bank window is open
    level     `skill` is at least `level`
    near      what `operand` names, or one of `any_of`, is close; the game checks it, `check_needs` does not
    runes     the level and the runes of the spell in `operand`
    space     a free inventory slot
    dialogue  a conversation is open
    by        the level, tools and ingredients of the row that `operand` selects in table `table`
    `unless` lists operand values for which the prerequisite does not hold.
    """

    kind: NeedKind
    any_of: tuple[str, ...] = ()
    where: Literal["held", "either"] = "held"
    operand: str | None = None
    skill: str | None = None
    level: int = 1
    table: str | None = None
    unless: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CommandSpec:
    """One plugin command. `forms` are the operand lists it takes, tried in order; most have one.

    `prefer` is a template of the form that is written instead (`TELEPORT_HOME`, `INTERACT_NPC {npc}
    Talk-to`); both score as equal. `was` holds verbs that models make up for this one.
    """

    verb: str
    family: str
    summary: str
    effect: Effect
    duration: Duration
    forms: tuple[tuple[Operand, ...], ...] = ((),)
    needs: tuple[Need, ...] = ()
    prefer: str | None = None
    examples: tuple[str, ...] = ()
    was: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def operands(self) -> tuple[Operand, ...]:
        """The operands of the first form, the one that the plugin itself documents."""
        return self.forms[0]


@dataclass(frozen=True, slots=True)
class Command:
    """One parsed command. `operands` are words as said or lowered values, without trailing optional ones.

    `notes` say what the grammar repaired; they are no part of the identity.
    """

    verb: str
    operands: tuple[OperandValue, ...] = ()
    notes: tuple[str, ...] = field(default=(), compare=False)

    def render(self) -> str:
        """The canonical line. `parse(command.render()) == command`."""
        return " ".join((self.verb, *map(str, self.operands)))

    def __str__(self) -> str:
        return self.render()


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """One tool of the controller. `parameters` is a JSON Schema object."""

    name: str
    summary: str
    effect: Effect
    parameters: Mapping[str, Any]
    family: str = "system"


@dataclass(frozen=True, slots=True)
class Missing:
    """A prerequisite that the state shows to be absent. `hint` says how to get it."""

    what: str
    hint: str
