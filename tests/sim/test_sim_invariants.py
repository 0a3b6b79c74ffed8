"""What must hold whatever is sent: nothing raises, nothing is made or lost, the seed decides everything."""

from __future__ import annotations

import json
import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enactor.sim import LOOPS, STOPS, VERBS, Simulator, facts
from enactor.world import COMMANDS

STARTS = [
    {},
    {"location": [3197, 3169, 0], "health": [9, 20], "inventory": ["Tuna", "Coins x150", "Big bones"]},
    {"location": [3208, 3219, 2], "bank_open": True, "inventory": ["Cowhide"] * 28},
    {"location": [3164, 3488, 0], "inventory": ["Coins x100000", "Feather x300"]},
    {"location": [3086, 3230, 0], "inventory": ["Small fishing net", "Tinderbox", "Logs", "Raw shrimps"]},
    {"location": [3286, 3366, 0], "inventory": ["Rune pickaxe", "Hammer"], "skills": {"mining": 90}},
    {"location": [3225, 3370, 0], "health": [10, 10], "in_combat": "Dark wizard"},
    {"location": [3273, 3182, 0], "inventory": ["Raw tuna"] * 10 + ["Iron ore"] * 5 + ["Coal"] * 10},
    {
        "location": [3208, 3214, 0],
        "inventory": ["Egg", "Bucket of milk", "Pot of flour"],
        "quests": {"Cook's Assistant": 1},
    },
    {
        "location": [3230, 3204, 0],
        "inventory": ["Coins x500", "Law rune x9", "Air rune x50", "Fire rune x20", "Nature rune x5"],
    },
]
_WORDS = """
Tuna Logs Coins Big_bones Cowhide Tinderbox Iron_ore Steel_bar Feather Bronze_axe none all Nope shrimp trout
tree oak willow iron copper coal Talk-to Attack Trade Net Bank Open Climb-up Cook varrock home Wind_Strike
Superheat_Item High_Level_Alchemy Varrock_Teleport Slash Chop Block 1 2 5 28 300 -10 Yes Space Escape x=y on
inventory combat 3222 3218 0 3200 3170
"""
WORDS = [
    *(s.name.replace(" ", "_") for s in facts.spawns()[::23]),
    *(t.name.replace(" ", "_") for t in facts.things()[::31]),
    *_WORDS.split(),
]


def some_line(rng: random.Random) -> str:
    """A command: usually one of the declared examples, otherwise a verb with random words."""
    verb = rng.choice(sorted(COMMANDS))
    spec = COMMANDS[verb]
    if spec.examples and rng.random() < 0.6:
        return rng.choice(spec.examples)
    return " ".join([verb, *(rng.choice(WORDS) for _ in range(rng.randint(0, 3)))])


def everything(sim: Simulator) -> Counter[str]:
    """All items that exist for the player: carried, worn, banked, on the ground, in the grave, in offers."""
    world = sim._world
    total: Counter[str] = Counter()
    for name, n in [*world.player.pack.items(), *world.player.equipment.values(), *world.player.bank.items()]:
        total[facts.key(name)] += n
    for drop in world.drops:
        total[facts.key(drop.name)] += drop.quantity
    for name, n in world.grave.items if world.grave else ():
        total[facts.key(name)] += n
    for offer in world.offers:
        if offer is not None:
            total[facts.key(offer.item)] += offer.items
            total["coins"] += offer.coins
    return Counter({item: n for item, n in total.items() if n})


def check(sim: Simulator, xp_before: dict[str, int]) -> dict[str, int]:
    """The invariants of one moment; returns the experience for the next."""
    state = sim.observe()
    if not state["client"]["running"]:
        return xp_before
    json.dumps(state)
    player = state["player"]
    assert player["inventory"]["used"] <= 28
    assert len(player["inventory"]["items"]) == player["inventory"]["used"]
    assert all(i["quantity"] > 0 for i in player["inventory"]["items"])
    assert all(n > 0 for n in player["bank"].values())
    assert 0 < player["health"]["current"] <= player["health"]["max"]
    xp = {skill: row["xp"] for skill, row in player["skills"].items()}
    assert all(xp[s] >= xp_before.get(s, 0) for s in xp)
    return xp


def accounted(sim: Simulator, before: Counter[str]) -> Counter[str]:
    """What must exist now: what there was before, and what the ledger's events made and used up."""
    total = Counter(before)
    for (_, item), count in sim._world.ledger.items():
        total[item] += count
    return Counter({item: n for item, n in total.items() if n})


def play(seed: int, start: int, count: int) -> Simulator:
    """`count` random commands, with some waiting and a client that is restarted now and then."""
    rng = random.Random(seed)
    sim, xp = Simulator(seed, STARTS[start]), {}
    before = everything(sim)
    for _ in range(count):
        response = sim.send(some_line(rng))
        assert {"status", "command", "result", "error"} <= set(response)
        assert response["status"] in ("success", "error")
        assert (response["error"] is None) == (response["status"] == "success")
        if rng.random() < 0.5:
            sim.settle(rng.choice((1, 10, 120)))
        if rng.random() < 0.01:
            sim.client(rng.choice(("stop", "start", "restart")))
        xp = check(sim, xp)
        assert everything(sim) == accounted(sim, before)
    return sim


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**9), st.integers(0, len(STARTS) - 1))
def test_random_streams_hold_the_invariants(seed: int, start: int) -> None:
    play(seed, start, 40)


@pytest.mark.parametrize("start", range(len(STARTS)))
def test_the_same_seed_gives_the_same_world(start: int) -> None:
    one, two = play(7, start, 60), play(7, start, 60)
    assert one.observe() == two.observe()
    assert one.logs(10**9) == two.logs(10**9)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_answered(line: str) -> None:
    sim = Simulator()
    assert sim.send(line)["status"] in ("success", "error")
    assert sim.send("GOTO " + line)["status"] in ("success", "error")


MOVING_ONLY = (
    *("BANK_DEPOSIT_ALL", "BANK_WITHDRAW Tuna 5", "BANK_WITHDRAW Coins all", "BANK_DEPOSIT_ITEM Logs"),
    *("DROP_ALL", "DROP_ITEM Tuna", "DROP_ALL Cowhide", "PICK_UP_ITEM Tuna", "EQUIP_BEST_MELEE"),
    *("BANK_DEPOSIT_EQUIPMENT", "BANK_OPEN", "BANK_CLOSE", "GOTO 3208 3218 2", "PICK_UP_ITEM Logs"),
    *("BANK_WITHDRAW Iron_scimitar 1", "INTERACT_NPC Banker Bank", "TAB_OPEN combat"),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(MOVING_ONLY), max_size=40))
def test_moving_items_about_conserves_them(lines: list[str]) -> None:
    sim = Simulator(
        0,
        {
            "location": [3208, 3219, 2],
            "bank_open": True,
            "inventory": ["Tuna"] * 9 + ["Cowhide"] * 9 + ["Coins x7"],
        },
    )
    before = everything(sim)
    for line in lines:
        sim.send(line)
        sim.settle(6)
        if sim._world.tick > 290:
            break  # what lies on the ground vanishes after three minutes
        after = everything(sim)
        spawned = {"logs"}  # permanent spawns and a log pile lie in that room
        assert {k: n for k, n in after.items() if k not in spawned} == {
            k: n for k, n in before.items() if k not in spawned
        }


def test_dying_conserves_items() -> None:
    weak = {"attack": 1, "strength": 1, "defence": 1}
    held = ["Tuna"] * 5 + ["Coins x70"]
    start = {
        "location": [3300, 3240, 0],
        "health": [1, 10],
        "in_combat": "Hill Giant",
        "inventory": held,
        "skills": weak,
    }
    sim = Simulator(1, start)
    before = everything(sim)
    sim.advance(120)
    state = sim.observe()
    assert state["deaths"] == 1
    assert state["gravestone"]["active"]
    assert everything(sim) == before


def test_every_declared_command_is_handled() -> None:
    missing = set(COMMANDS) - VERBS
    print(f"handled: {len(COMMANDS) - len(missing)} of {len(COMMANDS)}")
    assert not missing
    assert LOOPS <= VERBS
    assert STOPS <= VERBS
