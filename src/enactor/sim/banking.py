"""Commands of the bank, and the trip to it that loops make."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from enactor.sim import facts
from enactor.sim.motion import walk
from enactor.sim.routes import reachable, travel
from enactor.sim.state import Activity, Handler, Refused, Result, World, distance

REACH = 15  # BANK_OPEN clicks a booth in view; it does not cross the map
OPEN_TICKS = 7


def deposit(world: World, name: str, count: int) -> int:
    """Move items from the inventory into the bank; returns how many."""
    moved = world.player.pack.remove(name, count)
    _put(world, name, moved)
    return moved


def _put(world: World, name: str, count: int) -> None:
    if count:
        held = bank_name(world, name) or name
        world.player.bank[held] = world.player.bank.get(held, 0) + count


def bank_name(world: World, name: str) -> str | None:
    """Display name under which the bank holds the item, or None."""
    if name in world.player.bank:
        return name
    wanted = facts.key(name)
    return next((n for n in world.player.bank if facts.key(n) == wanted), None)


def booth(world: World, reach: int) -> facts.Thing:
    """The nearest booth or chest within reach, or the plugin's error."""
    here = world.tile()
    booths = [b for b in facts.things_of("bank") if distance(here, b.tile) <= reach]
    if not booths:
        raise Refused("bank not found: too far from any bank booth, chest or banker")
    return min(booths, key=lambda b: (distance(here, b.tile), b.uid))


def bank_trip(world: World, keep: Callable[[str], bool]) -> Activity:
    """Walk to the nearest bank (stairs are taken), put away all but what `keep` says, close."""
    here = world.tile()
    by_distance = sorted(
        facts.things_of("bank"),
        key=lambda b: (distance(here, (*b.tile[:2], here[2])) + 20 * abs(b.tile[2] - here[2]), b.uid),
    )
    goal = next((b.tile for b in by_distance if reachable(world, b.tile)), None)
    if goal is None:
        raise Refused("bank not found: too far from any bank booth, chest or banker")
    yield from travel(world, goal, within=1)
    yield OPEN_TICKS
    for name in dict.fromkeys(n for n, _ in world.player.pack.items()):
        if not keep(name):
            deposit(world, name, 2**31)
    yield 2
    return {"message": "Banked"}


def require_open(world: World, *windows: str) -> None:
    """Refuse unless one of the windows is open."""
    if world.window not in windows:
        raise Refused("Bank is not open: not in bank interface")


def cmd_open(world: World, args: Sequence[str]) -> Activity:
    """BANK_OPEN."""
    where = booth(world, REACH)
    if world.window == "bank":
        return {"message": "Bank is already open"}
    yield 1
    if distance(world.tile(), where.tile) > 1:
        yield from walk(world, where.tile, within=1)
    yield OPEN_TICKS
    world.talk = None
    world.window = "bank"
    return {"message": "Bank opened"}


def cmd_close(world: World, args: Sequence[str]) -> Result:
    """BANK_CLOSE."""
    require_open(world, "bank", "deposit")
    world.window = None
    return {"message": "Bank closed"}


def cmd_deposit_all(world: World, args: Sequence[str]) -> Result:
    """BANK_DEPOSIT_ALL."""
    require_open(world, "bank", "deposit")
    names = dict.fromkeys(n for n, _ in world.player.pack.items())
    moved = sum(deposit(world, name, 2**31) for name in names)
    return {"message": f"Deposited {moved} items", "count": moved}


def cmd_deposit_equipment(world: World, args: Sequence[str]) -> Result:
    """BANK_DEPOSIT_EQUIPMENT."""
    require_open(world, "bank", "deposit")
    worn = list(world.player.equipment.values())
    world.player.equipment.clear()
    for name, count in worn:
        _put(world, name, count)
    return {"message": f"Deposited {len(worn)} worn items", "count": len(worn)}


def cmd_deposit_item(world: World, args: Sequence[str]) -> Result:
    """BANK_DEPOSIT_ITEM <item>: every copy."""
    require_open(world, "bank", "deposit")
    name = world.player.pack.find("_".join(args))
    if name is None:
        raise Refused(f"Item '{' '.join(args).replace('_', ' ')}' not found in inventory")
    moved = deposit(world, name, 2**31)
    return {"message": f"Deposited {moved} {name}", "count": moved}


def cmd_withdraw(world: World, args: Sequence[str]) -> Activity:
    """BANK_WITHDRAW <item> <quantity>."""
    require_open(world, "bank")
    *words, last = args
    count = int(last) if last.isdigit() else 2**31 if last.lower() == "all" else None
    if count is None:
        words, count = list(args), 1
    name = bank_name(world, "_".join(words))
    if not words or name is None:
        raise Refused(f"Item '{' '.join(words).replace('_', ' ')}' not found in bank")
    moved = min(count, world.player.bank[name], world.player.pack.room(name))
    if moved == 0:
        raise Refused("Inventory is full" if count else "Quantity must be at least 1")
    yield 4
    moved = world.player.pack.add(name, min(moved, world.player.bank[name]))
    world.player.bank[name] -= moved
    if world.player.bank[name] == 0:
        del world.player.bank[name]
    return {"message": f"Withdrew {moved} {name}", "count": moved}


def cmd_check(world: World, args: Sequence[str]) -> Result:
    """BANK_CHECK <item>."""
    require_open(world, "bank")
    text = "_".join(args)
    name = bank_name(world, text)
    return {"item": name or text.replace("_", " "), "quantity": world.player.bank[name] if name else 0}


def cmd_scan(world: World, args: Sequence[str]) -> Result:
    """SCAN_BANK."""
    require_open(world, "bank")
    items = [{"name": name, "quantity": n} for name, n in world.player.bank.items()]
    return {"items": items, "count": len(items)}


HANDLERS: dict[str, Handler] = {
    "BANK_OPEN": cmd_open,
    "BANK_CLOSE": cmd_close,
    "BANK_DEPOSIT_ALL": cmd_deposit_all,
    "BANK_DEPOSIT_EQUIPMENT": cmd_deposit_equipment,
    "BANK_DEPOSIT_ITEM": cmd_deposit_item,
    "BANK_WITHDRAW": cmd_withdraw,
    "BANK_CHECK": cmd_check,
    "SCAN_BANK": cmd_scan,
}
