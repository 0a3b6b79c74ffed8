"""The Grand Exchange: whole workflows and the single clicks of its window.

Offers fill at once when the price is at or above the guide price (buying) or at or below it (selling), and
never otherwise; the guide price is the item's value. A free player has three slots.
"""

from __future__ import annotations

from collections.abc import Sequence

from enactor.sim import facts
from enactor.sim.banking import bank_name
from enactor.sim.motion import walk
from enactor.sim.state import Activity, Handler, Offer, Refused, Result, Tile, World, distance

PLACE: Tile = (3164, 3487, 0)
_REACH = 20
_FLOW_TICKS = 15


def guide_price(item: str) -> int:
    """What one is worth on the exchange, in coins."""
    return max(facts.item(item).value, 1)


def _near(world: World) -> None:
    if distance(world.tile(), PLACE) > _REACH:
        raise Refused("Grand Exchange not found: go to the Grand Exchange first")


def _open(world: World) -> None:
    if world.window != "exchange":
        raise Refused("Grand Exchange is not open")


def _tradeable(text: str) -> str:
    if not facts.known_item(text) or facts.key(text) == "coins":
        raise Refused(f"Item '{text.replace('_', ' ')}' not found in Grand Exchange search")
    return facts.item(text).name


def _number(text: str) -> int:
    return int(text.rstrip("%"))


# -- workflows --------------------------------------------------------------------------------------


def buying(world: World, text: str, count: int, price: int | None = None, percent: int = 10) -> Activity:
    """Buy up to `count` at `price` each, or at the guide price plus `percent` (raised up to three times)."""
    _near(world)
    item = _tradeable(text)
    if count < 1:
        raise Refused("Quantity must be at least 1")
    guide = guide_price(item)
    offer = price if price is not None else max(guide * (100 + percent) // 100, 1)
    if price is None:
        offer = max(offer, guide)
    coins = world.player.pack.count("Coins")
    if coins < offer:
        raise Refused(f"Not enough coins: {item} costs {offer} each")
    yield _FLOW_TICKS
    if offer < guide:
        return {"message": f"Offer for {item} did not fill", "bought": 0}
    bought = min(count, world.player.pack.count("Coins") // offer)
    world.spend("Coins", bought * offer, "exchange")
    world.book("exchange", item, bought)
    fitted = world.player.pack.add(item, bought)
    _to_bank(world, item, bought - fitted)
    world.window = None
    return {"message": f"Bought {bought} {item}", "bought": bought, "cost": bought * offer}


def _to_bank(world: World, item: str, count: int) -> None:
    if count > 0:
        held = bank_name(world, item) or item
        world.player.bank[held] = world.player.bank.get(held, 0) + count


def cmd_buy(world: World, args: Sequence[str]) -> Activity:
    """GE_BUY <item> <quantity> [price_percent]."""
    return buying(world, args[0], int(args[1]), percent=_number(args[2]) if len(args) > 2 else 10)


def cmd_slow_buy(world: World, args: Sequence[str]) -> Activity:
    """GE_SLOW_BUY <item> <quantity> [max_wait_minutes]: at the guide price."""
    return buying(world, args[0], int(args[1]), percent=0)


def cmd_sell(world: World, args: Sequence[str]) -> Activity:
    """GE_SELL <item> [quantity] [price_percent]: without a quantity all of it."""
    _near(world)
    name = world.player.pack.find(args[0])
    if name is None:
        raise Refused(f"Item '{args[0].replace('_', ' ')}' not found in inventory")
    _tradeable(name)
    many = world.player.pack.count(name)
    count = min(int(args[1]), many) if len(args) > 1 and args[1].isdigit() else many
    percent = _number(args[2]) if len(args) > 2 else 0
    price = max(guide_price(name) * (100 + percent) // 100, 1)
    yield _FLOW_TICKS
    world.window = None
    if percent > 0:
        return {"message": f"Offer for {name} did not fill", "sold": 0}
    sold = world.spend(name, count, "exchange")
    world.give("Coins", sold * price, "exchange")
    return {"message": f"Sold {sold} {name}", "sold": sold, "earned": sold * price}


# -- the window -------------------------------------------------------------------------------------


def cmd_open(world: World, args: Sequence[str]) -> Activity:
    """GE_OPEN."""
    _near(world)
    if distance(world.tile(), PLACE) > 3:
        yield from walk(world, PLACE, within=2)
    world.window, world.talk = "exchange", None
    return {"message": "Grand Exchange opened"}


def _slot(world: World, args: Sequence[str]) -> int:
    slot = int(args[0]) if args else 1
    if not 1 <= slot <= len(world.offers):
        raise Refused(f"Slot {slot} is not available")
    return slot - 1


def _begin(world: World, args: Sequence[str], kind: str) -> Result:
    _open(world)
    slot = _slot(world, args)
    if world.offers[slot] is not None:
        raise Refused(f"Slot {slot + 1} is in use")
    world.draft = {"slot": slot, "kind": kind, "item": None, "quantity": 1, "price": 1}
    return {"message": f"{kind.capitalize()} offer in slot {slot + 1}"}


def cmd_click_buy(world: World, args: Sequence[str]) -> Result:
    """GE_CLICK_BUY [slot]."""
    return _begin(world, args, "buy")


def cmd_click_sell(world: World, args: Sequence[str]) -> Result:
    """GE_CLICK_SELL [slot]."""
    return _begin(world, args, "sell")


def _draft(world: World) -> None:
    _open(world)
    if not world.draft:
        raise Refused("No offer screen open: press Buy or Sell on a slot first")


def cmd_search(world: World, args: Sequence[str]) -> Result:
    """GE_SEARCH <item>."""
    _draft(world)
    return {"message": f"Found {_tradeable('_'.join(args))}"}


def cmd_select(world: World, args: Sequence[str]) -> Result:
    """GE_SELECT_ITEM <item>."""
    _draft(world)
    item = _tradeable("_".join(args))
    world.draft.update(item=item, price=guide_price(item))
    return {"message": f"Selected {item}", "price": world.draft["price"]}


def cmd_sell_item(world: World, args: Sequence[str]) -> Result:
    """GE_SELL_ITEM <item>."""
    _open(world)
    name = world.player.pack.find("_".join(args))
    if name is None:
        raise Refused(f"Item '{' '.join(args).replace('_', ' ')}' not found in inventory")
    if not world.draft:
        free = next((i for i, o in enumerate(world.offers) if o is None), None)
        if free is None:
            raise Refused("No free slot")
        world.draft = {"slot": free}
    world.draft.update(
        kind="sell", item=_tradeable(name), quantity=world.player.pack.count(name), price=guide_price(name)
    )
    return {"message": f"Offering {name}"}


def cmd_set_quantity(world: World, args: Sequence[str]) -> Result:
    """GE_SET_QUANTITY <+1|+10|+100|All>."""
    _draft(world)
    if args[0].lower() == "all":
        world.draft["quantity"] = max(world.player.pack.count(world.draft.get("item") or ""), 1)
    else:
        world.draft["quantity"] += int(args[0])
    return {"message": f"Quantity {world.draft['quantity']}"}


def cmd_input_quantity(world: World, args: Sequence[str]) -> Result:
    """GE_INPUT_QUANTITY <quantity>."""
    _draft(world)
    world.draft["quantity"] = max(int(args[0]), 1)
    return {"message": f"Quantity {world.draft['quantity']}"}


def cmd_adjust_price(world: World, args: Sequence[str]) -> Result:
    """GE_ADJUST_PRICE <+5%|+10%|-5%|-10%>."""
    _draft(world)
    world.draft["price"] = max(world.draft["price"] * (100 + _number(args[0])) // 100, 1)
    return {"message": f"Price {world.draft['price']}"}


def cmd_input_price(world: World, args: Sequence[str]) -> Result:
    """GE_INPUT_PRICE <price>."""
    _draft(world)
    world.draft["price"] = max(int(args[0]), 1)
    return {"message": f"Price {world.draft['price']}"}


def cmd_confirm(world: World, args: Sequence[str]) -> Result:
    """GE_CONFIRM: the offer takes its coins or items, and fills at once when the price allows."""
    _draft(world)
    draft, pack = world.draft, world.player.pack
    item: str | None = draft.get("item")
    if item is None:
        raise Refused("No item selected")
    offer = Offer(draft["kind"], item, draft["quantity"], draft["price"])
    if offer.kind == "buy":
        if pack.count("Coins") < offer.quantity * offer.price:
            raise Refused("Not enough coins for this offer")
        world.spend("Coins", offer.quantity * offer.price, "exchange")
        if offer.price >= guide_price(item):
            offer.done = offer.items = offer.quantity
            world.book("exchange", item, offer.quantity)
    else:
        if pack.count(item) < offer.quantity:
            raise Refused(f"Item '{item}' not found in inventory")
        world.spend(item, offer.quantity, "exchange")
        if offer.price <= guide_price(item):
            offer.done, offer.coins = offer.quantity, offer.quantity * offer.price
            world.book("exchange", "Coins", offer.coins)
    world.offers[draft["slot"]] = offer
    world.draft = {}
    return {"message": f"Offer placed: {offer.kind} {offer.quantity} {item} at {offer.price}"}


def cmd_collect(world: World, args: Sequence[str]) -> Result:
    """GE_COLLECT [inventory|bank]."""
    _open(world)
    to_bank, got = bool(args) and args[0].lower() == "bank", 0
    for i, offer in enumerate(world.offers):
        if offer is None:
            continue
        for name, count in ((offer.item, offer.items), ("Coins", offer.coins)):
            fitted = 0 if to_bank else world.player.pack.add(name, count)
            _to_bank(world, name, count - fitted)
            got += count
        offer.items = offer.coins = 0
        if offer.done >= offer.quantity:
            world.offers[i] = None
    return {"message": f"Collected {got}" if got else "Nothing to collect"}


def cmd_abort(world: World, args: Sequence[str]) -> Result:
    """GE_ABORT [slot]: what has not changed hands waits to be collected."""
    _open(world)
    offer = world.offers[_slot(world, args)]
    if offer is None:
        raise Refused("No active offer in that slot")
    rest = offer.quantity - offer.done
    if offer.kind == "buy":
        offer.coins += rest * offer.price
        world.book("exchange", "Coins", rest * offer.price)
    else:
        offer.items += rest
        world.book("exchange", offer.item, rest)
    offer.done = offer.quantity
    return {"message": "Offer aborted"}


def cmd_cancel(world: World, args: Sequence[str]) -> Result:
    """GE_CANCEL."""
    _open(world)
    world.draft = {}
    return {"message": "Cancelled"}


HANDLERS: dict[str, Handler] = {
    "GE_OPEN": cmd_open,
    "GE_BUY": cmd_buy,
    "GE_SELL": cmd_sell,
    "GE_SLOW_BUY": cmd_slow_buy,
    "GE_SEARCH": cmd_search,
    "GE_SELECT_ITEM": cmd_select,
    "GE_SELL_ITEM": cmd_sell_item,
    "GE_CLICK_BUY": cmd_click_buy,
    "GE_CLICK_SELL": cmd_click_sell,
    "GE_SET_QUANTITY": cmd_set_quantity,
    "GE_INPUT_QUANTITY": cmd_input_quantity,
    "GE_ADJUST_PRICE": cmd_adjust_price,
    "GE_INPUT_PRICE": cmd_input_price,
    "GE_CONFIRM": cmd_confirm,
    "GE_COLLECT": cmd_collect,
    "GE_ABORT": cmd_abort,
    "GE_CANCEL": cmd_cancel,
}
