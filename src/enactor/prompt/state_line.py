"""What stands before the player's words: a line about the game, and one with the commands offered."""

import re
from collections.abc import Sequence

from enactor.world.cards import card
from enactor.world.state import GameState

MAX_NAMES = 10
MAX_NAME_CHARS = 40
MAX_LOOP_CHARS = 80
INVENTORY_SLOTS = 28
_STRUCTURE = re.compile(r"[\[\]|,\s]+")


def state_line(state: GameState) -> str:
    """`[hp 12/35 | inv 9/28: Tuna x4, Cowhide x4, Raw beef | wield Iron scimitar | doing KILL_LOOP Cow none
    5]`.

    Unknown and empty parts are left out; with nothing known it is `[unknown]`, without a client `[client
    off]`, so that the first line of a turn is always ours and never the player's. At most ten distinct names
    in the inventory's order, counts over all slots; the rest is `+3 more` (distinct names). Coordinates are
    left out: nothing that the model writes needs them.
    """
    if not state.client_running:
        return "[client off]"
    parts: list[str] = []
    if state.health is not None:
        parts.append(f"hp {state.health[0]}/{state.health[1]}")
    if state.inventory is not None:
        parts.append(_inventory(state))
    if state.weapon:
        parts.append(f"wield {_plain(state.weapon)}")
    if state.active_loop:
        parts.append(f"doing {_plain(state.active_loop, MAX_LOOP_CHARS)}")
    return f"[{' | '.join(parts) or 'unknown'}]"


def offer_line(offered: Sequence[str]) -> str:
    """`[KILL_LOOP npc food kills | ATTACK_NPC npc | reply]`: the cards of the offered commands and tools."""
    return f"[{' | '.join(map(card, offered))}]"


def user_content(message: str, state: GameState, offered: Sequence[str] = ()) -> str:
    """Content of the user turn that is to be answered: the state line, the offered commands where there are
    any, and the player's words, a line each."""
    lines = [state_line(state), *([offer_line(offered)] if offered else ()), message.strip()]
    return "\n".join(lines)


def _inventory(state: GameState) -> str:
    counts: dict[str, int] = {}
    for stack in state.inventory or ():
        counts[stack.name] = counts.get(stack.name, 0) + stack.quantity
    head = f"inv {len(state.inventory or ())}/{INVENTORY_SLOTS}"
    if not counts:
        return head
    names = [_plain(name) + (f" x{n}" if n != 1 else "") for name, n in list(counts.items())[:MAX_NAMES]]
    if len(counts) > MAX_NAMES:
        names.append(f"+{len(counts) - MAX_NAMES} more")
    return f"{head}: {', '.join(names)}"


def _plain(name: str, limit: int = MAX_NAME_CHARS) -> str:
    """A game's name without what the line itself is made of (brackets, bars, commas, line breaks)."""
    return _STRUCTURE.sub(" ", name).strip()[:limit]
