"""The terminal's own commands: what is seen, kept for later, recorded, judged, and which model and world."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from enactor.prompt import state_line
from enactor.trace import to_row, trace_hash
from enactor.world import CommandError

if TYPE_CHECKING:
    from enactor.serve.core.feedback import FeedbackDesk
    from enactor.serve.terminal import Terminal

LISTED = 12
SCALES = (1, 2, 4, 8, 16, 32)
RATINGS = {"good": 5, "bad": 1, "+": 5, "-": 1, **{str(n): n for n in range(1, 6)}}


@dataclass(frozen=True, slots=True)
class Slash:
    """`usage` begins with the command's name; `run` gets the terminal and what stands behind the name."""

    usage: str
    what: str
    run: Callable[["Terminal", str], None]


def state(view: "Terminal", rest: str) -> None:
    """What is known of the player."""
    seen = view.player.observe()
    view.tell(state_line(seen))
    if seen.location:
        view.tell("at {}, {}, plane {}".format(*seen.location))
    worn = ", ".join(seen.equipment.values()) if seen.equipment else ""
    if worn:
        view.tell(f"wears {worn}")
    if rest == "skills" and seen.skills:
        view.tell(", ".join(f"{skill} {level}" for skill, level in seen.skills.items()))
    names: dict[str, int] = {}
    for name in (*seen.npcs, *seen.objects):
        names[name] = names.get(name, 0) + 1
    if names:
        near = ", ".join(name if n == 1 else f"{n} {name}" for name, n in list(names.items())[:LISTED])
        view.tell(f"near: {near}")


def map_(view: "Terminal", rest: str) -> None:
    """The map in letters."""
    from enactor.serve.scene import scene
    from enactor.serve.sketch import sketch

    if rest not in ("", *map(str, SCALES)):
        view.tell(f"Say how many tiles one sign stands for: /map {'|'.join(map(str, SCALES))}")
        return
    for line in sketch(scene(view.player.observe()), int(rest or 1)):
        view.tell(line)


def wait(view: "Terminal", rest: str) -> None:
    """Let game time pass."""
    try:
        seconds = float(rest)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 86_400:
        view.tell("Say how long, in seconds up to a day: /wait 60")
        return
    view.tell(" · ".join(view.player.wait(seconds)) or "nothing changed")
    view.player.attend()
    view.look_at_goal()


def when(view: "Terminal", rest: str) -> None:
    """Keep a command for later."""
    try:
        view.tell(f"Kept as {view.player.defer(rest)}.")
    except CommandError as error:
        near = f" Nearest valid form: {error.nearest}." if error.nearest else ""
        view.tell(f"{error.message}{near}")
    view.player.attend()


def later(view: "Terminal", rest: str) -> None:
    """What is kept for later."""
    view.tell("\n".join(map(str, view.player.tasks)) or "Nothing is to be done later.")


def cancel(view: "Terminal", rest: str) -> None:
    """Take one of them away."""
    task = view.player.tasks.cancel(int(rest)) if rest.isdecimal() else None
    view.tell(f"Cancelled {task}." if task else "There is no task of that number; /later lists them.")


def trace(view: "Terminal", rest: str) -> None:
    """The record of the last request, for people or as its row."""
    if not view.player.traces:
        view.tell("No request yet.")
        return
    last = view.player.traces[-1]
    if rest == "json":
        view.tell(json.dumps(to_row(last), indent=2, ensure_ascii=False))
        return
    from enactor.serve.label.view import show_trace

    shown = show_trace(last)
    view.tell(f"{trace_hash(last)}  {shown['timestamp']}")
    view.tell(f"said     {last.message}")
    for text in shown["outputs"]:
        view.tell("wrote    " + text.replace("\n", "\n         "))
    for step in shown["steps"]:
        sent = f" -> {step['lowered']}" if step["lowered"] not in ("", step["written"]) else ""
        view.tell(f"call     {step['written']}{sent}  [{step['origin']}, {step['status']}]")
        view.tell(f"         {step['error'] or step['result']}")
    view.tell(f"outcome  {last.outcome}" + _alone(last.model_outcome, last.outcome))
    for line in shown["evidence"]:
        view.tell(f"         {line}")


def rate(view: "Terminal", rest: str) -> None:
    """Judge the last request."""
    word, _, note = rest.partition(" ")
    rating = RATINGS.get(word.casefold())
    if rating is None:
        view.tell("Say how good it was: /rate good, /rate bad, or 1 to 5, and why if you like.")
        return
    if (found := _last(view)) is not None:
        desk, identity = found
        desk.rate(identity, rating, note.strip())
        view.tell(f"Rated {rating} of 5.")


def fix(view: "Terminal", rest: str) -> None:
    """Keep what would have been right."""
    if not rest:
        view.tell("Write the right command, several with ; between: /fix KILL_LOOP cow none 5")
        return
    if (found := _last(view)) is not None:
        desk, identity = found
        desk.correct(identity, "\n".join(rest.split(";")), by=view.player.caller.player)
        view.tell("Kept as a correction.")


def model(view: "Terminal", rest: str) -> None:
    """Which model answers, or another one."""
    if not rest:
        view.tell(f"{view.player.engine_name} answers. /model NAME changes it: {', '.join(view.models)}, …")
        return
    view.player.use(rest)
    view.tell(f"{rest} answers from now on.")


def scenario(view: "Terminal", rest: str) -> None:
    """Find a task, or begin it in a world of its own."""
    from enactor.evaluate.scenarios import scenarios
    from enactor.serve.staging import search, stage

    if rest == "goal":
        view.look_at_goal(always=True)
        return
    if rest in scenarios():
        if view.player.account.backend.name != "sim":
            view.tell("Scenarios are played in the simulator: start with --backend sim.")
            return
        begun = stage(rest, view.seed)
        view.player.begin(begun.world)
        view.begin(begun)
        view.tell(f"The world is ready. The task: {begun.scenario.say}")
        return
    found = search(rest)
    if not found:
        stage(rest)  # says what is near
    for one in found[:LISTED]:
        view.tell(f"{one.id}  ({one.family}, {one.level})\n  {one.say}")
    if len(found) > LISTED:
        view.tell(f"… and {len(found) - LISTED} more: /scenario WORDS finds them, /scenario NAME begins one.")


def help_(view: "Terminal", rest: str) -> None:
    """The list of commands."""
    view.tell("Say what to do (`kill 20 chickens`, `bank everything`), ask (`how much hp?`),")
    view.tell("or type a command (`KILL_LOOP Cow 5`). STOP stops. Tab completes.")
    view.tell("With a map, in a browser: `enactor serve web`.")
    for slash in COMMANDS.values():
        view.tell(f"  {slash.usage:26} {slash.what}")


def choices(name: str, models: Sequence[str] = ()) -> Sequence[str]:
    """What can stand behind a command."""
    if name == "/scenario":
        from enactor.evaluate.scenarios import scenarios

        return ("goal", *scenarios())
    fixed: dict[str, Sequence[str]] = {
        "/model": models,
        "/rate": tuple(RATINGS),
        "/map": tuple(map(str, SCALES)),
        "/trace": ("json",),
        "/state": ("skills",),
        "/when": ("after:10_minutes do", "inventory_full do"),
    }
    return fixed.get(name, ())


def _last(view: "Terminal") -> "tuple[FeedbackDesk, str] | None":
    """Where the last request is judged, and its id."""
    if not view.player.traces:
        view.tell("No request yet.")
        return None
    last = view.player.traces[-1]
    desk = view.player.service.feedback
    desk.note(trace_hash(last), last)
    return desk, trace_hash(last)


def _alone(model_outcome: str, outcome: str) -> str:
    return "" if model_outcome == outcome else f" after repair; the model alone {model_outcome}"


COMMANDS: dict[str, Slash] = {
    slash.usage.split()[0]: slash
    for slash in (
        Slash("/state [skills]", "what is known of the player", state),
        Slash("/map [TILES]", "the map in letters; TILES to a sign: 1, 2, 4 …", map_),
        Slash("/wait SECONDS", "let game time pass while something runs", wait),
        Slash("/when CONDITION do COMMAND", "do it later: `/when after:10_minutes do STOP`", when),
        Slash("/later", "what is to be done later", later),
        Slash("/cancel NUMBER", "do not do it after all", cancel),
        Slash("/trace [json]", "the record of the last request", trace),
        Slash("/rate good|bad|1-5 [NOTE]", "judge the last request", rate),
        Slash("/fix COMMAND; …", "say what would have been right", fix),
        Slash("/model [NAME]", "which model answers, or another one", model),
        Slash("/scenario [NAME|WORDS]", "find a task; its name begins it", scenario),
        Slash("/help", "this list", help_),
        Slash("/quit", "leave; so does Ctrl-D", help_),
    )
}
"""By name, in the order of the help. `/quit` is seen to where lines are read."""
