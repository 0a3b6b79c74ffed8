"""The mutable inside of the simulated world. Private to this package: the outside sees snapshots."""

from __future__ import annotations

import random
from collections import Counter, deque
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from enactor.sim import facts
from enactor.sim.levels import MAX_XP, combat_level, level_of
from enactor.world.state import Tile as Tile

Result = dict[str, Any]
Activity = Generator[int, None, Result]  # yields ticks to wait, returns the last response's result
Handler = Callable[["World", Sequence[str]], Result | Activity]
Event = Literal[
    "alchemy", "bait", "buried", "cast", "chopped", "cooked", "crafted", "despawned", "eaten", "exchange",
    "fare", "filled", "fire went out", "fished", "found", "grave crumbled", "lit", "loot", "milked", "milled",
    "mined", "picked", "pickpocketed", "quest", "sheared", "shop", "smelted", "smithed", "spun", "toll",
]  # fmt: skip
"""What brings items into the world or takes them out of it. There is nothing else."""

CAPACITY = 28
TICK_S = 0.6
DESPAWN_TICKS = 300  # dropped items stay three minutes
GRAVE_TICKS = 1500  # a gravestone stays fifteen minutes
REGEN_TICKS = 100  # one hit point a minute


class Refused(Exception):
    """The game refuses a command; the text is the plugin's error. Never leaves the package."""


class Pack:
    """28 slots. Stackable items take one slot however many; others one each."""

    __slots__ = ("slots",)

    def __init__(self) -> None:
        self.slots: list[tuple[str, int] | None] = [None] * CAPACITY

    def used(self) -> int:
        """Occupied slots."""
        return CAPACITY - self.slots.count(None)

    def free(self) -> int:
        """Empty slots."""
        return self.slots.count(None)

    def find(self, name: str) -> str | None:
        """Display name of the held item that `name` means (underscores and case ignored), or None."""
        wanted = facts.key(name)
        for slot in self.slots:
            if slot and facts.key(slot[0]) == wanted:
                return slot[0]
        return None

    def count(self, name: str) -> int:
        """How many of the item are held over all slots."""
        wanted = facts.key(name)
        return sum(n for slot in self.slots if slot for item, n in (slot,) if facts.key(item) == wanted)

    def items(self) -> list[tuple[str, int]]:
        """Occupied slots in order."""
        return [slot for slot in self.slots if slot]

    def room(self, name: str) -> int:
        """How many more of the item fit."""
        if facts.stackable(name):
            return 2**31 - 1 if self.find(name) or self.free() else 0
        return self.free()

    def add(self, name: str, count: int = 1) -> int:
        """Put up to `count` in; returns how many fitted."""
        if count <= 0:
            return 0
        if facts.stackable(name):
            wanted = facts.key(name)
            for i, slot in enumerate(self.slots):
                if slot and facts.key(slot[0]) == wanted:
                    self.slots[i] = (slot[0], slot[1] + count)
                    return count
            if None not in self.slots:
                return 0
            self.slots[self.slots.index(None)] = (name, count)
            return count
        added = 0
        for i, slot in enumerate(self.slots):
            if added == count:
                break
            if slot is None:
                self.slots[i] = (name, 1)
                added += 1
        return added

    def remove(self, name: str, count: int = 1) -> int:
        """Take up to `count` out, first slots first; returns how many were there."""
        wanted, taken = facts.key(name), 0
        for i, slot in enumerate(self.slots):
            if taken == count:
                break
            if slot and facts.key(slot[0]) == wanted:
                take = min(slot[1], count - taken)
                self.slots[i] = (slot[0], slot[1] - take) if slot[1] > take else None
                taken += take
        return taken


@dataclass(slots=True)
class Walk:
    """A straight walk under way; the position between is computed when somebody looks."""

    origin: Tile
    target: Tile
    started: int
    ticks: int


@dataclass(slots=True)
class Player:
    """The one player. `xp` is in tenths of a point; `hp` may exceed nothing but the base level."""

    tile: Tile
    hp: int
    xp: dict[str, int]
    levels: dict[str, int]
    pack: Pack = field(default_factory=Pack)
    bank: dict[str, int] = field(default_factory=dict)
    equipment: dict[str, tuple[str, int]] = field(default_factory=dict)
    style: int = 0
    tab: str = "inventory"
    camera: dict[str, int] = field(default_factory=lambda: {"yaw": 0, "pitch": 350, "zoom": 512})
    prayer: int = 1
    walk: Walk | None = None
    selected: str | None = None


@dataclass(slots=True)
class Drop:
    """Items on the ground. `expires` is the tick at which they vanish."""

    name: str
    quantity: int
    tile: Tile
    expires: int


@dataclass(slots=True)
class Fight:
    """A fight under way with one creature instance. Ticks are those of each side's next swing."""

    npc: facts.Spawn
    player_at: int
    npc_at: int


@dataclass(slots=True)
class Grave:
    """Where the player died and what lies there."""

    tile: Tile
    items: list[tuple[str, int]]
    expires: int


@dataclass(slots=True)
class Talk:
    """An open dialogue: which script, which node of it."""

    npc: str
    script: str
    node: str


@dataclass(slots=True)
class Offer:
    """One slot of the exchange. `done` items have changed hands and wait in `items`/`coins`."""

    kind: str
    item: str
    quantity: int
    price: int
    done: int = 0
    items: int = 0
    coins: int = 0


@dataclass(slots=True)
class Running:
    """The activity that owns the player: its command, its generator and the tick of its next step."""

    verb: str
    line: str
    steps: Activity
    due: int
    loop: bool


class World:
    """Everything that changes. Static facts are shared in `facts`."""

    def __init__(self, seed: int, player: Player) -> None:
        self.rng = random.Random(seed)
        self.tick = 0
        self.player = player
        self.client = True
        self.paused = False
        self.activity: Running | None = None
        self.progress: dict[str, Any] = {}  # what the running command reports of itself
        self.last: Result = {"status": "success", "command": "", "result": {"message": "idle"}, "error": None}
        self.fight: Fight | None = None
        self.brawl: tuple[int, Activity] | None = None  # the fight when no activity drives it
        self.wounds: dict[int, int] = {}  # creature instance -> hit points left
        self.gone: dict[int, int] = {}  # creature or scenery instance -> tick of return
        self.open: set[int] = set()  # doors that stand open
        self.drops: list[Drop] = []
        self.window: str | None = None  # bank | deposit | shop:<id> | exchange | make:<station>
        self.talk: Talk | None = None
        self.stock: dict[tuple[str, str], tuple[int, int]] = {}  # (shop, item) -> sold, at which tick
        self.offers: list[Offer | None] = [None, None, None]
        self.draft: dict[str, Any] = {}
        self.quests: dict[str, int] = {}
        self.grave: Grave | None = None
        self.burning: dict[Tile, int] = {}  # fires and the tick at which they go out
        self.hopper = 0  # grain in the mill's hopper
        self.flour = 0  # flour in its bin
        self.regen_at = REGEN_TICKS
        self.home_teleport_at = 0
        self.places: dict[str, Tile] = {}
        self.markers: dict[str, str] = {}
        self.config: dict[str, str] = {}
        self.deaths = 0
        self.kills: dict[str, int] = {}
        self.journal: deque[tuple[int, str, str]] = deque(maxlen=500)
        self.extra_spawns: list[facts.Spawn] = []
        self.ledger: Counter[tuple[Event, str]] = Counter()  # (event, item key) -> made minus used up

    # -- where ------------------------------------------------------------------------------------------

    def tile(self) -> Tile:
        """The player's tile at this tick."""
        walk = self.player.walk
        if walk is None:
            return self.player.tile
        share = min(max((self.tick - walk.started) / max(walk.ticks, 1), 0.0), 1.0)
        (ax, ay, plane), (bx, by, _) = walk.origin, walk.target
        return (ax + round((bx - ax) * share), ay + round((by - ay) * share), plane)

    def halt(self) -> None:
        """Stop on the tile where the walk is now."""
        self.player.tile = self.tile()
        self.player.walk = None

    # -- who --------------------------------------------------------------------------------------------

    def heal_over_time(self) -> None:
        """Regenerate one hit point for every whole minute since the last look."""
        if self.tick >= self.regen_at:
            points = (self.tick - self.regen_at) // REGEN_TICKS + 1
            self.regen_at += points * REGEN_TICKS
            self.player.hp = min(
                self.player.hp + points, max(self.player.levels["hitpoints"], self.player.hp)
            )

    def gain(self, skill: str, tenths: int) -> None:
        """Add experience and note a level that it makes."""
        player = self.player
        xp = min(player.xp[skill] + tenths, MAX_XP * 10)
        player.xp[skill] = xp
        if player.levels[skill] < 99:
            level = level_of(xp / 10)
            if level > player.levels[skill]:
                if skill == "hitpoints":
                    player.hp += level - player.levels[skill]
                player.levels[skill] = level
                self.log(f"Congratulations, you just advanced a {skill.capitalize()} level ({level}).")

    def combat_level(self) -> int:
        """The player's combat level."""
        return combat_level(self.player.levels)

    # -- things -----------------------------------------------------------------------------------------

    def alive(self, spawn: facts.Spawn | facts.Thing | facts.Lying) -> bool:
        """Is the creature or the resource there now?"""
        back = self.gone.get(spawn.uid)
        if back is None:
            return True
        if back <= self.tick:
            del self.gone[spawn.uid]
            return True
        return False

    def drop(self, name: str, count: int, tile: Tile | None = None) -> None:
        """Lay items on the ground, one pile for stackables."""
        if count > 0:
            self.drops.append(Drop(name, count, tile or self.tile(), self.tick + DESPAWN_TICKS))

    def ground(self) -> list[Drop]:
        """Drops that still lie there."""
        if any(d.expires <= self.tick for d in self.drops):
            for drop in self.drops:
                if drop.expires <= self.tick:
                    self.book("despawned", drop.name, -drop.quantity)
            self.drops = [d for d in self.drops if d.expires > self.tick]
        return self.drops

    def book(self, event: Event, name: str, count: int) -> None:
        """Enter into the ledger that items came into the world (`count` > 0) or left it (< 0)."""
        if count:
            self.ledger[event, facts.key(name)] += count

    def give(self, name: str, count: int, event: Event) -> int:
        """Make items: into the inventory what fits, the rest on the ground; returns what fitted."""
        self.book(event, name, count)
        fitted = self.player.pack.add(name, count)
        self.drop(name, count - fitted)
        return fitted

    def spill(self, name: str, count: int, event: Event, tile: Tile | None = None) -> None:
        """Make items that lie on the ground."""
        self.book(event, name, count)
        self.drop(name, count, tile)

    def spend(self, name: str, count: int, event: Event) -> int:
        """Use up to `count` of an item held; returns how many there were."""
        used = self.player.pack.remove(name, count)
        self.book(event, name, -used)
        return used

    def grave_now(self) -> Grave | None:
        """The gravestone, unless it has crumbled."""
        if self.grave is not None and self.grave.expires <= self.tick:
            for name, count in self.grave.items:
                self.book("grave crumbled", name, -count)
            self.grave = None
        return self.grave

    def fires(self) -> list[Tile]:
        """Tiles where a fire that the player lit still burns."""
        if any(end <= self.tick for end in self.burning.values()):
            for tile in [t for t, end in self.burning.items() if end <= self.tick]:
                del self.burning[tile]
                self.spill("Ashes", 1, "fire went out", tile)
        return list(self.burning)

    def log(self, text: str, level: str = "INFO") -> None:
        """Write a line to the client's log."""
        self.journal.append((self.tick, level, text))


def distance(a: Tile, b: Tile) -> int:
    """Tiles between two tiles (diagonals count one); 10,000 on another plane."""
    if a[2] != b[2]:
        return 10_000
    return max(abs(a[0] - b[0]), abs(a[1] - b[1]))
