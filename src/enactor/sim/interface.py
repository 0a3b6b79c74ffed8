"""Commands of the client's interface: tabs, camera, keys, windows, waiting. Stopping is the engine's."""

from __future__ import annotations

from collections.abc import Sequence

from enactor.sim import facts
from enactor.sim.state import TICK_S, Activity, Handler, Refused, Result, World
from enactor.sim.talk import choose, proceed

TABS = (
    "combat",
    "skills",
    "quests",
    "inventory",
    "equipment",
    "prayer",
    "magic",
    "friends",
    "settings",
    "emotes",
    "music",
)
_DEFAULT_CAMERA = {"yaw": 0, "pitch": 350, "zoom": 512}
_FAR_ZOOM = 128


def cmd_tab(world: World, args: Sequence[str]) -> Result:
    """TAB_OPEN <tab>."""
    wanted = facts.key("_".join(args))
    wanted = "quests" if wanted == "quest" else wanted
    if wanted not in TABS:
        raise Refused(f"Unknown tab: {' '.join(args)} (available: {', '.join(TABS)})")
    world.player.tab = wanted
    return {"message": f"Opened {wanted} tab"}


def _number(args: Sequence[str], name: str) -> int:
    if not args or not args[0].lstrip("-").isdigit():
        raise Refused(f"{name} must be a whole number")
    return int(args[0])


def cmd_reset(world: World, args: Sequence[str]) -> Result:
    """CAMERA_RESET."""
    world.player.camera = dict(_DEFAULT_CAMERA)
    return {"message": "Camera reset"}


def cmd_pitch(world: World, args: Sequence[str]) -> Result:
    """CAMERA_PITCH <pitch>: 128 level to 512 top-down."""
    world.player.camera["pitch"] = min(max(_number(args, "pitch"), 128), 512)
    return {"message": f"Camera pitch {world.player.camera['pitch']}"}


def cmd_yaw(world: World, args: Sequence[str]) -> Result:
    """CAMERA_YAW <yaw>: 2048 make a turn."""
    world.player.camera["yaw"] = _number(args, "yaw") % 2048
    return {"message": f"Camera yaw {world.player.camera['yaw']}"}


def cmd_point(world: World, args: Sequence[str]) -> Result:
    """CAMERA_POINT_AT <x> <y>."""
    x, y = _number(args, "x"), _number(args[1:], "y")
    here = world.tile()
    east, north = x - here[0], y - here[1]
    # yaw 0 looks north, 512 west, 1024 south, 1536 east; eight directions are precise enough to click
    turns = {
        (0, 1): 0,
        (-1, 1): 256,
        (-1, 0): 512,
        (-1, -1): 768,
        (0, -1): 1024,
        (1, -1): 1280,
        (1, 0): 1536,
        (1, 1): 1792,
    }
    side = ((east > 0) - (east < 0), (north > 0) - (north < 0))
    world.player.camera["yaw"] = turns.get(side, world.player.camera["yaw"])
    return {"message": f"Camera pointed at {x}, {y}"}


def cmd_stabilize(world: World, args: Sequence[str]) -> Activity:
    """CAMERA_STABILIZE [pitch] [zoom]."""
    pitch = _number(args, "pitch") if args else 350
    zoom = 15 if len(args) < 2 else _FAR_ZOOM if args[1].upper() == "FAR" else _number(args[1:], "zoom")
    yield 3
    world.player.camera.update(pitch=min(max(pitch, 128), 512), zoom=zoom)
    return {"message": f"Camera stabilized at pitch {pitch}, zoom {zoom}"}


def cmd_zoom(world: World, args: Sequence[str]) -> Result:
    """ZOOM [level]."""
    world.player.camera["zoom"] = _number(args, "level") if args else _DEFAULT_CAMERA["zoom"]
    return {"message": f"Zoom {world.player.camera['zoom']}"}


def cmd_key(world: World, args: Sequence[str]) -> Result:
    """KEY_PRESS <key>: Space goes on in a dialogue, a digit chooses, Escape closes, F-keys open tabs."""
    key = (args[0] if args else "").lower()
    if not key:
        raise Refused("KEY_PRESS needs a key")
    if key == "space" and world.talk is not None:
        proceed(world)
    elif key.isdigit() and world.talk is not None:
        choose(world, key)
    elif key in ("escape", "esc"):
        world.window = world.talk = world.player.selected = None
    elif key in _TAB_KEYS:
        world.player.tab = _TAB_KEYS[key]
    return {"message": f"Pressed {args[0]}"}


_TAB_KEYS = {"f1": "combat", "f2": "skills", "f3": "quests", "f4": "equipment", "f5": "prayer", "f6": "magic"}


def cmd_close(world: World, args: Sequence[str]) -> Result:
    """CLOSE_INTERFACE."""
    was, world.window, world.talk = world.window, None, None
    return {"message": f"Closed {was.partition(':')[0]}" if was else "No interface open"}


def cmd_deselect(world: World, args: Sequence[str]) -> Result:
    """DESELECT."""
    world.player.selected = None
    return {"message": "Deselected"}


def cmd_wait(world: World, args: Sequence[str]) -> Activity:
    """WAIT <ms>."""
    ms = _number(args, "ms")
    yield max(round(ms / 1000 / TICK_S), 1)
    return {"message": f"Waited {ms}ms"}


def cmd_f2p(world: World, args: Sequence[str]) -> Result:
    """F2P_MODE [on|off]."""
    world.config["f2p"] = (args[0] if args else "on").lower()
    return {"message": f"F2P mode {world.config['f2p']}"}


HANDLERS: dict[str, Handler] = {
    "TAB_OPEN": cmd_tab,
    "CAMERA_RESET": cmd_reset,
    "CAMERA_PITCH": cmd_pitch,
    "CAMERA_YAW": cmd_yaw,
    "CAMERA_POINT_AT": cmd_point,
    "CAMERA_STABILIZE": cmd_stabilize,
    "ZOOM": cmd_zoom,
    "KEY_PRESS": cmd_key,
    "CLOSE_INTERFACE": cmd_close,
    "DESELECT": cmd_deselect,
    "WAIT": cmd_wait,
    "F2P_MODE": cmd_f2p,
}
