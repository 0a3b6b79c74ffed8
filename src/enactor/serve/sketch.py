"""The map in letters: two columns a tile, north up, for a terminal of 80 columns without colour."""

from collections.abc import Mapping
from string import ascii_lowercase
from typing import Any

from enactor.serve.scene import atlas

EAST, NORTH = 19, 9
"""Tiles that are shown to each side."""

WIDEST = 32
"""Tiles that one sign may stand for."""

_SIGNS = {
    "tree": "^", "rock": "o", "pick": "*", "stairs": "=", "bank": "$", "deposit": "$", "door": "|",
    "water": "~", "altar": "+", "range": "%", "furnace": "%", "fire": "%", "anvil": "%",
}  # fmt: skip
_WHAT = {
    "^": "tree", "o": "rock", "*": "to pick", "=": "stairs", "$": "bank", "|": "door", "~": "water",
    "+": "altar", "%": "fire, range, furnace, anvil", "#": "other scenery", ",": "item on the ground",
}  # fmt: skip
_TARGETS = "!"


def sketch(seen: Mapping[str, Any], scale: int = 1) -> list[str]:
    """The lines of the map of one `scene.scene`, then what the signs mean. `scale` is tiles to a sign."""
    if seen["tile"] is None:
        return ["Nothing is seen: the client is not running, or its place is not known."]
    x, y, plane = seen["tile"]
    cells: dict[tuple[int, int], str] = {}

    def put(tile: list[int], sign: str) -> None:
        column, row = (tile[0] - x) // scale, (tile[1] - y) // scale
        if abs(column) <= EAST and abs(row) <= NORTH:
            cells[column, row] = sign

    reach = EAST * scale
    still = atlas(x, y, plane, min(reach, 200))
    for item in still["items"]:
        put(item["tile"], ",")
    for thing in (*still["things"], *seen["objects"]):
        put(thing["tile"], _SIGNS.get(thing["kind"], "#"))
    legend = _creatures(seen, put)
    places = _places(still, put, scale, (x, y))
    if seen["goal"] and seen["goal"][2] == plane:
        put(seen["goal"], "X")
        legend.append("X where you go")
    cells[0, 0] = "@"
    rows = [
        "".join(cells.get((column, row), ".").ljust(2) for column in range(-EAST, EAST + 1)).rstrip()
        for row in range(NORTH, -NORTH - 1, -1)
    ]
    present = set(cells.values())
    signs = [f"{sign} {what}" for sign, what in _WHAT.items() if sign in present]
    size = "1 sign is 1 tile" if scale == 1 else f"1 sign is {scale} tiles"
    return [*rows, *_wrapped([f"@ you, at {x}, {y}, {plane}", size, *legend, *places, *signs])]


def _creatures(seen: Mapping[str, Any], put: Any) -> list[str]:
    """A letter for each name; those of the target are marked by `!`."""
    letters: dict[str, str] = {}
    counts: dict[str, int] = {}
    targets: set[str] = set()
    for npc in seen["npcs"]:
        name = npc["name"]
        counts[name] = counts.get(name, 0) + 1
        if npc["target"]:
            targets.add(name)
            letters[name] = _TARGETS
        elif name not in letters:
            letters[name] = ascii_lowercase.replace("o", "")[len(letters) % 25]
        put(npc["tile"], letters[name])
    return [
        f"{sign} {name}" + (f" ({counts[name]})" if counts[name] > 1 else "")
        for name, sign in letters.items()
    ]


def _places(still: Mapping[str, Any], put: Any, scale: int, here: tuple[int, int]) -> list[str]:
    """A digit for each of the nearest named places that are on the map."""
    shown: list[str] = []
    for place in still["places"]:
        east, north = place["tile"][0] - here[0], place["tile"][1] - here[1]
        if abs(east) // scale > EAST or abs(north) // scale > NORTH or len(shown) == 9:
            continue
        sign = str(len(shown) + 1)
        put(place["tile"], sign)
        shown.append(f"{sign} {place['name']}")
    return shown


def _wrapped(entries: list[str], width: int = 78) -> list[str]:
    lines = [""]
    for entry in entries:
        if lines[-1] and len(lines[-1]) + len(entry) + 3 > width:
            lines.append("")
        lines[-1] += f" · {entry}" if lines[-1] else entry
    return lines
