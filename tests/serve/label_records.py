"""Records to label: the real controller and simulator, a script in the model's place."""

import json
import shutil
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from enactor.agent import Controller, Toolbox
from enactor.models import ScriptedEngine
from enactor.sim import Simulator
from enactor.trace import Trace, TraceStore

SWAMP = {
    "location": [3197, 3169, 0],
    "health": [35, 35],
    "inventory": ["Tuna", "Tuna", "Cowhide", "Bronze axe"],
    "equipment": ["Iron scimitar"],
}
HOSTILE = (
    "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script> \u202etxt\x1b[31m"
)


def call(command: str) -> str:
    arguments = json.dumps({"command": command})
    return f'<tool_call>\n{{"name": "send_command", "arguments": {arguments}}}\n</tool_call>'


def play(message: str, *replies: str, start: Any = SWAMP, **options: Any) -> Trace:
    toolbox = Toolbox(Simulator(seed=1, start=start))
    return Controller(ScriptedEngine(list(replies)), toolbox, **options).handle(message)


def copied(folder: Path) -> dict[str, str]:
    """A store of six requests at `folder`; the hash of each by a short name. Played once a run."""
    kept, ids = _recorded()
    shutil.copytree(kept.name, folder, dirs_exist_ok=True)
    return ids


@cache
def _recorded() -> tuple[TemporaryDirectory[str], dict[str, str]]:
    kept = TemporaryDirectory()
    return kept, _record(Path(kept.name))


def _record(folder: Path) -> dict[str, str]:
    store = TraceStore(folder)
    described = 'Sure: ```json\n{"name": "send_command", "arguments": {"command": "EAT tuna"}}\n```'
    style = call("SWITCH_COMBAT_STYLE attack") + "\n" + call("KILL_LOOP giant_frog none 1")
    traces = {
        "clean": play("kill 300 giant frogs", call("KILL_LOOP giant_frogs none 300")),
        "forced": play(
            "farm 5 giant frogs", call("FARM_LOOP giant_frogs 5"), call("KILL_LOOP giant_frogs none 5")
        ),
        "repaired": play("eat a tuna", described),
        "claimed": play("kill ten giant frogs", "Started killing giant frogs!", ladder=False),
        "style": play("train strength and kill a giant frog", style, recover=False),
        "hostile": replace(play(HOSTILE, "Hm."), outputs=(HOSTILE,), reply=HOSTILE),
    }
    return {
        name: store.append(replace(trace, timestamp=f"2030-01-02T03:04:0{i}+00:00"))
        for i, (name, trace) in enumerate(traces.items())
    }
