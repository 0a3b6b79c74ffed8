"""The map around the player as a PNG: what the state shows, a square for each tile."""

import struct
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

from enactor.world import GameState

SIGHT = 15
TILE = 12
GROUND, LINE, OBJECT, CREATURE, TARGET, PLAYER = (
    (54, 69, 50),
    (46, 59, 43),
    (150, 120, 80),
    (235, 200, 60),
    (225, 70, 60),
    (90, 170, 255),
)
LEGEND = "blue: you · yellow: creatures · red: your fight · brown: things · north is up, 31 tiles"
Colour = tuple[int, int, int]


def map_png(state: GameState) -> bytes | None:
    """The picture, None where the state knows no place."""
    if state.location is None:
        return None
    x, y, plane = state.location
    squares: dict[tuple[int, int], Colour] = {}
    for name, colour in (("objects", OBJECT), ("npcs", CREATURE)):
        for one, tile in _near(state.raw, name):
            if tile[2] == plane and abs(tile[0] - x) <= SIGHT and abs(tile[1] - y) <= SIGHT:
                fights = name == "npcs" and one.get("name") == state.in_combat
                squares[tile[0] - x + SIGHT, y - tile[1] + SIGHT] = TARGET if fights else colour
    squares[SIGHT, SIGHT] = PLAYER
    return _png(squares, 2 * SIGHT + 1)


def _near(raw: Mapping[str, Any], name: str) -> Iterator[tuple[Mapping[str, Any], tuple[int, int, int]]]:
    player = raw.get("player")
    nearby = player.get("nearby") if isinstance(player, Mapping) else None
    found = nearby.get(name) if isinstance(nearby, Mapping) else None
    for one in found if isinstance(found, list) else []:
        at = one.get("location") if isinstance(one, Mapping) else None
        if isinstance(at, Mapping) and isinstance(at.get("x"), int) and isinstance(at.get("y"), int):
            yield one, (at["x"], at["y"], int(at.get("plane") or 0))


def _png(squares: Mapping[tuple[int, int], Colour], side: int) -> bytes:
    """PNG, 8 bits RGB (https://www.w3.org/TR/png-3/)."""
    rows = bytearray()
    for row in range(side):
        line = bytearray(b"\0")  # no filter
        for column in range(side):
            colour = bytes(squares.get((column, row), GROUND))
            line += colour * (TILE - 1) + bytes(LINE)
        rows += bytes(line) * (TILE - 1) + b"\0" + bytes(LINE) * side * TILE
    size = side * TILE
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0))
        + _chunk(b"IDAT", zlib.compress(bytes(rows), 9))
        + _chunk(b"IEND", b"")
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
