"""The slash commands: thin calls of the service, with completion."""

import io
from typing import TYPE_CHECKING, Any, cast

import discord
from discord import app_commands

from enactor.agent.routines import routines
from enactor.errors import EnactorError
from enactor.prompt import state_line
from enactor.serve.core import NO_PERMISSION, Access, Caller, Refused, Shed
from enactor.serve.core.lane import Waiting
from enactor.serve.discord.buttons import Interaction, say, view_of
from enactor.serve.discord.panel import Place
from enactor.serve.discord.picture import LEGEND, map_png
from enactor.serve.discord.words import code, escaped, split
from enactor.trace import Trace
from enactor.world import CommandError

if TYPE_CHECKING:
    from enactor.serve.discord.bot import Bot

CHOICES = 25
"""Discord shows no more."""
NAME = 100
HELP = """\
**Say it** in a direct message, or mention me where I listen: *kill 20 chickens, then bank it all*.
Typed commands work too: `KILL_LOOP Chicken none 20`. `stop` in any form stops at once.
With several accounts, begin with the name: `alt: how much hp?`. It holds until you name another.

`/do` a request or a typed command · `/status` what goes on, with a map · `/queue` what waits
`/stop` stop now · `/routine` run a stored routine · `/when` do something later · `/later` the list of that
`/model` which model answers · `/ab` two models on one request, side by side

The buttons under an answer rate it, as the reactions 👍 and 👎 do; **Fix** takes the right command.
"""


def add_commands(tree: "app_commands.CommandTree[Bot]") -> None:
    """Register them all."""
    for command in (
        _command(status, "What the account is doing, where it is and what it has", account=accounts),
        _command(stop, "Stop at once, and drop what waits", account=accounts),
        _command(do, "A request in words, or a typed command", what=requests, account=accounts),
        _command(queue, "What runs and what waits, with buttons to cancel yours", account=accounts),
        _command(routine, "Run a stored routine", name=names_of_routines, account=accounts),
        _command(when, "Do something once a condition holds", account=accounts),
        _command(later, "What is to be done later", account=accounts),
        _command(model, "Which model answers; or let another one", name=models),
        _command(ab, "Two models on one request, side by side, unnamed", other=models, account=accounts),
        _command(show_help, "What I can do"),
    ):
        tree.add_command(command)
    tree.error(_failed)


# -- the commands -----------------------------------------------------------------------------------------


async def status(interaction: discord.Interaction[Any], account: str | None = None) -> None:
    """/status"""
    here, caller, name = await _asked(interaction, account, "look")
    await interaction.response.defer(thinking=True)
    service = here.client.door.service
    found = await here.client.door.call(lambda: service.status(caller, name))
    lines = [
        f"**{escaped(name)}** · {escaped(found.model)}",
        escaped(state_line(found.state) or "nothing is known"),
    ]
    if found.state.location:
        lines.append("at {}, {}, plane {}".format(*found.state.location))
    lines += _queue_lines(found.queue) or ["Nothing runs or waits."]
    picture = map_png(found.state)
    if picture is None:
        await interaction.followup.send(split("\n".join(lines))[0])
        return
    lines.append(f"-# {LEGEND}")
    file = discord.File(io.BytesIO(picture), filename="map.png", description="The map around the player")
    await interaction.followup.send(split("\n".join(lines))[0], file=file)


async def stop(interaction: discord.Interaction[Any], account: str | None = None) -> None:
    """/stop"""
    here, caller, name = await _asked(interaction, account, "act")
    await _submit(here, caller, name, "STOP", "STOP")


async def do(interaction: discord.Interaction[Any], what: str, account: str | None = None) -> None:
    """/do"""
    here, caller, name = await _asked(interaction, account, "look")
    await _submit(here, caller, name, what, what)


async def routine(
    interaction: discord.Interaction[Any],
    name: str,
    loops: app_commands.Range[int, 1, 10_000] = 1,
    account: str | None = None,
) -> None:
    """/routine"""
    import json

    here, caller, held = await _asked(interaction, account, "act")
    call = f"@run_routine {json.dumps({'routine_path': name, 'loops': loops})}"
    await _submit(here, caller, held, call, f"routine {name}, {loops} times")


async def queue(interaction: discord.Interaction[Any], account: str | None = None) -> None:
    """/queue"""
    here, caller, name = await _asked(interaction, account, "look")
    waiting = here.client.door.service.queue(caller, name)
    mine = [one for one in waiting if (one.session.door, one.session.player) == ("discord", caller.player)]
    view = view_of(tuple(("cancel", one.request) for one in mine[:5]))
    for button, one in zip(view.children, mine, strict=False):
        cast("discord.ui.DynamicItem[discord.ui.Button[Any]]", button).item.label = f"Cancel {one.position}"
    text = split("\n".join(_queue_lines(waiting)) or "Nothing runs or waits.")[0]
    await interaction.response.send_message(text, view=view, ephemeral=True)


async def when(
    interaction: discord.Interaction[Any], condition: str, command: str, account: str | None = None
) -> None:
    """/when"""
    here, caller, name = await _asked(interaction, account, "act")
    await interaction.response.defer(thinking=True)
    note = await interaction.original_response()
    place = Place(note.channel.id, note.id)
    task = await here.client.door.call(
        lambda: here.client.door.service.defer(caller, name, f"{condition} do {command}", place=str(place))
    )
    await interaction.followup.send(f"Kept as {escaped(str(task))}.")


async def later(
    interaction: discord.Interaction[Any],
    cancel: app_commands.Range[int, 1] | None = None,
    account: str | None = None,
) -> None:
    """/later"""
    here, caller, name = await _asked(interaction, account, "act" if cancel else "look")
    service = here.client.door.service
    if cancel:
        gone = await here.client.door.call(lambda: service.forget(caller, name, cancel))
        await say(here, f"Cancelled {escaped(str(gone))}." if gone else "There is no task of that number.")
        return
    tasks = "\n".join(escaped(str(task)) for task in service.later(caller, name))
    await say(here, tasks or "Nothing is to be done later.")


async def model(interaction: discord.Interaction[Any], name: str | None = None) -> None:
    """/model"""
    here, caller, _ = await _asked(interaction, None, "act" if name else "look")
    service = here.client.door.service
    if name is None:
        await say(here, f"{code(service.desk.model.name)} answers.")
        return
    if name not in _models(here.client):
        raise EnactorError("that model is not among those that were offered when the bot was started")
    await interaction.response.defer(thinking=True)
    await here.client.door.call(lambda: service.use_model(caller, name))
    await interaction.followup.send(f"From now on {code(name)} answers.")


async def ab(
    interaction: discord.Interaction[Any], what: str, other: str | None = None, account: str | None = None
) -> None:
    """/ab"""
    here, caller, name = await _asked(interaction, account, "act")
    service, known = here.client.door.service, _models(here.client)
    now = service.desk.model.name
    against = other or next((one for one in known if one != now), "")
    if against not in known or against == now:
        raise EnactorError("name another model to compare with: start the bot with --model-choice NAME")
    await interaction.response.defer(thinking=True)
    found = await here.client.door.call(lambda: service.compare(caller, name, what, (now, against)))
    lines = [
        f"{escaped(what[:300])}\n",
        f"**A** {_would(found.first)}",
        f"**B** {_would(found.second)}",
        "-# Nothing was sent to the game.",
    ]
    view = view_of((("first", found.id), ("second", found.id), ("tie", found.id)))
    await interaction.followup.send(split("\n".join(lines))[0], view=view)


async def show_help(interaction: discord.Interaction[Any]) -> None:
    """/help"""
    await say(interaction, HELP)


# -- completion -------------------------------------------------------------------------------------------


async def accounts(interaction: discord.Interaction[Any], current: str) -> list[app_commands.Choice[str]]:
    """The accounts that this person may at least see."""
    bot = interaction.client
    caller = bot.caller(interaction.user)
    names = [n for n in bot.door.service.accounts if bot.door.service.access(caller, n) != "none"]
    return _choices(name for name in names if current.casefold() in name.casefold())


async def requests(interaction: discord.Interaction[Any], current: str) -> list[app_commands.Choice[str]]:
    """A typed command's verbs and names; words are left as they are."""
    from enactor.serve.label.complete import complete

    bot = interaction.client
    caller = bot.caller(interaction.user)
    name = bot.door.account_of(caller.player)
    first = current.split(" ", 1)[0]
    if bot.door.service.access(caller, name) == "none" or first != first.upper():
        return _choices([current] if current else [])
    state = bot.door.service.accounts[name].observe()
    found = complete(current, state)
    return _choices([*(current[: found.start] + option.text for option in found.options), current])


async def names_of_routines(
    interaction: discord.Interaction[Any], current: str
) -> list[app_commands.Choice[str]]:
    """The stored routines."""
    return _choices(key for key in routines() if current.casefold() in key.casefold())


async def models(interaction: discord.Interaction[Any], current: str) -> list[app_commands.Choice[str]]:
    """The models to choose from."""
    found = _models(interaction.client)
    return _choices(name for name in found if current.casefold() in name.casefold())


# -- what they share --------------------------------------------------------------------------------------


async def _asked(
    interaction: discord.Interaction[Any], account: str | None, wanted: Access
) -> tuple[Interaction, Caller, str]:
    """Who asks, about which account. Raises `EnactorError` where they may not, or not here."""
    here: Interaction = interaction
    bot = here.client
    if interaction.guild_id is not None and not bot.people.hears(
        str(interaction.channel_id), str(getattr(interaction.channel, "parent_id", None) or "")
    ):
        raise EnactorError("I do not listen in this channel.")
    caller = bot.caller(interaction.user)
    name = account or bot.door.account_of(caller.player)
    access = bot.door.service.access(caller, name)
    if access == "none" or (wanted == "act" and access != "act"):
        raise EnactorError(NO_PERMISSION)
    if account:
        bot.door.choose(caller.player, account)
    return here, caller, name


async def _submit(here: Interaction, caller: Caller, account: str, text: str, shown: str) -> None:
    """The request goes in before Discord is told: STOP waits for nothing."""
    door = here.client.door
    place = Place(here.channel_id or 0)
    told = await door.submit(caller, account, text, place, f"discord-{here.id}")
    if isinstance(told, Refused | Shed):
        await say(here, escaped(told.message))
        return
    await here.response.send_message(split(f"> {escaped(shown)}")[0])


def _would(trace: Trace) -> str:
    lines = [code(step.result.lowered or step.call.tool) for step in trace.steps]
    return "\n".join(lines) or escaped(trace.reply)


def _queue_lines(waiting: tuple[Waiting, ...]) -> list[str]:
    marks = {0: "▶"}
    return [
        f"{marks.get(one.position, f'{one.position}.')} {escaped(one.message[:120])} ({escaped(one.name)})"
        for one in waiting
    ]


def _models(bot: "Bot") -> tuple[str, ...]:
    return tuple(dict.fromkeys((bot.door.service.desk.model.name, bot.door.first_model, *bot.choice)))


def _choices(texts: Any) -> list[app_commands.Choice[str]]:
    fitting = dict.fromkeys(text for text in texts if 0 < len(text) <= NAME)
    return [app_commands.Choice(name=text, value=text) for text in list(fitting)[:CHOICES]]


def _command(callback: Any, summary: str, **completion: Any) -> "app_commands.Command[Any, ..., None]":
    name = callback.__name__.removeprefix("show_")
    command: app_commands.Command[Any, ..., None] = app_commands.Command(
        name=name, description=summary, callback=callback
    )
    for option, complete in completion.items():
        command.autocomplete(option)(complete)
    return command


async def _failed(interaction: discord.Interaction[Any], error: app_commands.AppCommandError) -> None:
    """What a command could not do, told to the one who asked."""
    cause = error.original if isinstance(error, app_commands.CommandInvokeError) else error
    here: Interaction = interaction
    if isinstance(cause, EnactorError):
        await say(here, escaped(str(cause)))
    elif isinstance(cause, CommandError):
        near = f" The nearest valid form: {cause.nearest}." if cause.nearest else ""
        await say(here, escaped(f"{cause.message}{near}"))
    else:
        here.client.door.tell(f"a slash command failed: {type(cause).__name__}: {cause}")
        if not isinstance(cause, discord.HTTPException):
            await say(here, "Something went wrong; the bot's log has more.")
