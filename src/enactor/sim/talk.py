"""Dialogue: talking to people, continuing, choosing, and what a conversation brings about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from enactor.sim import facts
from enactor.sim.state import Handler, Refused, Result, Talk, World


def begin(world: World, npc: facts.Spawn) -> Result:
    """Open the conversation with a person at the node that quest and inventory ask for."""
    scripts = facts.read("dialogues.yaml")
    name = npc.name if npc.name in scripts else "anybody"
    for start in scripts[name]["start"]:
        quest, stage = start.get("quest", ("", 0))
        if quest and world.quests.get(quest, 0) < stage:
            continue
        if all(_holds(world, text) for text in start.get("holds", ())):
            world.talk = Talk(npc.name, name, start["node"])
            world.window = None
            return {"message": f"Talking to {npc.name}", "dialogue": shown(world)}
    raise Refused(f"{npc.name} has nothing to say")


def _holds(world: World, text: str) -> bool:
    name, count = facts.counted(text)
    return world.player.pack.count(name) >= count


def _node(talk: Talk) -> Mapping[str, Any]:
    node: Mapping[str, Any] = facts.read("dialogues.yaml")[talk.script]["nodes"][talk.node]
    return node


def shown(world: World) -> dict[str, Any]:
    """The `dialogue` part of the state file."""
    if world.talk is None:
        return {"open": False, "type": "none", "speaker": "", "text": "", "options": [], "hint": None}
    node = _node(world.talk)
    if "ask" in node:
        options = list(node["ask"])
        return {
            "open": True,
            "type": "options",
            "speaker": "",
            "text": "Select an option",
            "options": options,
            "hint": "CLICK_DIALOGUE",
        }
    return {
        "open": True,
        "type": "continue",
        "speaker": world.talk.npc,
        "text": node["say"],
        "options": [],
        "hint": "CLICK_CONTINUE",
    }


def proceed(world: World) -> Result:
    """Press the continue line; effects of a line happen when it is left."""
    talk = world.talk
    if talk is None:
        raise Refused("No dialogue open")
    node = _node(talk)
    if "ask" in node:
        raise Refused("No continue option: choose one of " + ", ".join(node["ask"]))
    world.talk = Talk(talk.npc, talk.script, node["next"]) if "next" in node else None
    for effect in node.get("do", ()):
        _happen(world, effect)
    return {"message": "Continued", "dialogue": shown(world)}


def choose(world: World, text: str) -> Result:
    """Choose an option by number (from 1) or by its words or a part of them."""
    talk = world.talk
    node = _node(talk) if talk else {}
    if talk is None or "ask" not in node:
        raise Refused("No dialogue options open")
    options = list(node["ask"])
    wanted = facts.key(text.strip("\"'"))
    if wanted.isdigit():
        fits = options[int(wanted) - 1 : int(wanted)] if int(wanted) else []
    else:
        fits = [o for o in options if facts.key(o) == wanted] or [
            o for o in options if wanted and wanted in facts.key(o)
        ]
    if not fits:
        raise Refused(f"Dialogue option not found: '{text}' (available: {', '.join(options)})")
    world.talk = Talk(talk.npc, talk.script, node["ask"][fits[0]])
    return {"message": f"Selected {fits[0]}", "dialogue": shown(world)}


def _happen(world: World, effect: Mapping[str, Any]) -> None:
    ((what, value),) = effect.items()
    if what == "quest":
        world.quests[value[0]] = max(world.quests.get(value[0], 0), value[1])
        if world.quests[value[0]] >= facts.read("quests.yaml").get(value[0], 1):
            world.log(f"Congratulations! Quest complete: {value[0]}")
    elif what == "take":
        for text in value:
            world.spend(*facts.counted(text), "quest")
    elif what == "give":
        world.give(*facts.counted(value), "quest")
    elif what == "xp":
        world.gain(value[0], value[1] * 10)
    elif what == "window":
        world.window = value
    elif what == "travel":
        sail(world, *facts.counted(value[0]), tuple(value[1]))


def sail(world: World, coin: str, fare: int, to: tuple[int, int, int]) -> None:
    """Pay and be carried across; refused without the money."""
    if world.player.pack.count(coin) < fare:
        raise Refused(f"You need {fare} {coin.lower()} for the fare")
    world.spend(coin, fare, "fare")
    world.player.walk, world.player.tile = None, to
    world.talk = world.window = None


def cmd_continue(world: World, args: Sequence[str]) -> Result:
    """CLICK_CONTINUE."""
    return proceed(world)


def cmd_choose(world: World, args: Sequence[str]) -> Result:
    """CLICK_DIALOGUE <option>."""
    return choose(world, " ".join(args))


HANDLERS: dict[str, Handler] = {"CLICK_CONTINUE": cmd_continue, "CLICK_DIALOGUE": cmd_choose}
