"""Shops: opening one by its keeper, buying from it."""

from __future__ import annotations

from collections.abc import Sequence

from enactor.sim import facts
from enactor.sim.state import Handler, Refused, Result, World, distance

_NEAR = 12  # keepers stand within so many tiles of their shop's tile


def open_shop(world: World, keeper: facts.Spawn) -> Result:
    """Open the keeper's shop."""
    own = [s for s in facts.shops() if keeper.name in s.keepers]
    shop = min(own, key=lambda s: distance(keeper.tile, s.tile), default=None)
    if shop is None or distance(keeper.tile, shop.tile) > _NEAR:
        raise Refused(f"{keeper.name} has nothing to sell")
    world.window, world.talk = f"shop:{shop.id}", None
    stock = {item: left(world, shop, item) for item in shop.stock}
    return {"message": f"Opened the shop of {keeper.name}", "stock": stock}


def left(world: World, shop: facts.Shop, item: str) -> int:
    """How many the shop has now; one comes back every 100 ticks."""
    sold, since = world.stock.get((shop.id, item), (0, 0))
    return shop.stock[item][0] - max(sold - (world.tick - since) // 100, 0)


def cmd_buy(world: World, args: Sequence[str]) -> Result:
    """SHOP_BUY <item> [quantity]: buys what stock, coins and room allow."""
    if world.window is None or not world.window.startswith("shop:"):
        raise Refused("Shop is not open")
    shop = next(s for s in facts.shops() if f"shop:{s.id}" == world.window)
    words = list(args)
    count = int(words.pop()) if len(words) > 1 and words[-1].isdigit() else 1
    wanted = facts.key("_".join(words))
    item = next((n for n in shop.stock if facts.key(n) == wanted), None)
    if item is None:
        raise Refused(f"Item '{' '.join(words).replace('_', ' ')}' not found in shop")
    price, stock, pack = shop.stock[item][1], left(world, shop, item), world.player.pack
    if stock == 0:
        raise Refused(f"The shop has run out of {item}")
    if pack.count("Coins") < price:
        raise Refused(f"You don't have enough coins: {item} costs {price}")
    count = min(count, stock, pack.count("Coins") // price if price else count)
    count = min(count, pack.room(item))
    if count <= 0:
        raise Refused("Inventory is full")
    world.spend("Coins", count * price, "shop")
    world.give(item, count, "shop")
    world.stock[(shop.id, item)] = (shop.stock[item][0] - stock + count, world.tick)
    return {"message": f"Bought {count} {item}", "count": count, "cost": count * price}


HANDLERS: dict[str, Handler] = {"SHOP_BUY": cmd_buy}
