"""Buttons that outlive the process (what they are about stands in their id), and the form of a correction."""

import re
from typing import TYPE_CHECKING, Any, cast

import discord

from enactor.errors import EnactorError
from enactor.serve.core import Caller
from enactor.serve.core.feedback import BAD, GOOD
from enactor.serve.discord.shown import Buttons
from enactor.serve.discord.words import code, escaped, split

if TYPE_CHECKING:
    from enactor.serve.core.compare import Choice
    from enactor.serve.discord.bot import Bot

    Interaction = discord.Interaction[Bot]
else:
    Interaction = discord.Interaction
_LOOKS: dict[str, tuple[str, discord.ButtonStyle]] = {
    "yes": ("Yes", discord.ButtonStyle.danger),
    "no": ("No", discord.ButtonStyle.secondary),
    "up": ("👍", discord.ButtonStyle.secondary),
    "down": ("👎", discord.ButtonStyle.secondary),
    "fix": ("Fix", discord.ButtonStyle.secondary),
    "cancel": ("Cancel", discord.ButtonStyle.secondary),
    "first": ("A is better", discord.ButtonStyle.secondary),
    "second": ("B is better", discord.ButtonStyle.secondary),
    "tie": ("Neither", discord.ButtonStyle.secondary),
}
TEMPLATE = rf"en:(?P<what>{'|'.join(_LOOKS)}):(?P<about>[\w:.\-]{{1,80}})"


def view_of(buttons: Buttons) -> discord.ui.View:
    """The buttons under a message; those whose subject has no id that fits are left out."""
    view = discord.ui.View(timeout=None)
    for what, about in buttons:
        if re.fullmatch(TEMPLATE, f"en:{what}:{about}"):
            view.add_item(Pressed(what, about))
    return view


class Pressed(discord.ui.DynamicItem[discord.ui.Button[Any]], template=TEMPLATE):
    """A button of ours, also one of a run before."""

    def __init__(self, what: str, about: str) -> None:
        label, style = _LOOKS[what]
        super().__init__(discord.ui.Button(label=label, style=style, custom_id=f"en:{what}:{about}"))
        self.what, self.about = what, about

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> "Pressed":
        """See `discord.ui.DynamicItem`."""
        return cls(match["what"], match["about"])

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Somebody pressed it."""
        await press(interaction, self.what, self.about)


async def press(interaction: Interaction, what: str, about: str) -> None:
    """Carry a button out, or say why not, to the one who pressed it only."""
    bot = interaction.client
    caller = bot.caller(interaction.user)
    try:
        match what:
            case "yes" | "no":
                await _answer(interaction, caller, about, what == "yes")
            case "cancel":
                await interaction.response.defer()
                if not await bot.door.call(lambda: bot.door.service.cancel(caller, about)):
                    await interaction.followup.send(NOT_YOURS, ephemeral=True)
            case "up" | "down":
                bot.must_act(caller)
                rating = GOOD if what == "up" else BAD
                await bot.door.call(lambda: bot.door.service.feedback.rate(about, rating))
                await interaction.response.send_message("Noted, thank you.", ephemeral=True)
            case "fix":
                bot.must_act(caller)
                trace = await bot.door.call(lambda: bot.door.service.feedback.find(about))
                emitted = "\n".join(step.result.lowered or "" for step in trace.steps).strip()
                await interaction.response.send_modal(Fix(about, trace.message, emitted))
            case _:
                choice = cast("Choice", what)
                found = await bot.door.call(lambda: bot.door.service.vote(caller, about, choice))
                await interaction.response.send_message(
                    f"Noted. A was {code(found.models[0])}, B was {code(found.models[1])}.", ephemeral=True
                )
    except EnactorError as error:
        await say(interaction, escaped(str(error)))


async def _answer(interaction: Interaction, caller: Caller, request: str, yes: bool) -> None:
    bot = interaction.client
    await interaction.response.defer()
    told = await bot.door.call(lambda: bot.door.service.answer(caller, request, yes))
    if told is None:
        await say(interaction, "That question is not open any more, or not yours.")
    elif problem := getattr(told, "message", None) if type(told).__name__ in ("Refused", "Shed") else None:
        await say(interaction, escaped(problem))


async def say(interaction: Interaction, text: str) -> None:
    """To the one who pressed or typed, and nobody else."""
    for part in split(text):
        if interaction.response.is_done():
            await interaction.followup.send(part, ephemeral=True)
        else:
            await interaction.response.send_message(part, ephemeral=True)


NOT_YOURS = "That is not a request of yours that waits or runs."


class Fix(discord.ui.Modal):
    """The form for the right command."""

    def __init__(self, trace_id: str, message: str, emitted: str) -> None:
        super().__init__(title="What would have been right?", timeout=900)
        self._trace_id = trace_id
        self.lines: discord.ui.TextInput[Any] = discord.ui.TextInput(
            label="The command, one a line",
            style=discord.TextStyle.paragraph,
            default=emitted[:1000] or None,
            placeholder="KILL_LOOP Giant_frog none 300",
            required=False,
            max_length=1000,
        )
        self.reply: discord.ui.TextInput[Any] = discord.ui.TextInput(
            label="Or, if no command was due: the answer", required=False, max_length=500
        )
        self.add_item(self.lines)
        self.add_item(self.reply)

    async def on_submit(self, interaction: discord.Interaction[Any]) -> None:
        """Check and keep it."""
        bot = interaction.client
        caller = bot.caller(interaction.user)
        text, reply = self.lines.value, self.reply.value
        try:
            bot.must_act(caller)
            kept = await bot.door.call(
                lambda: bot.door.service.feedback.correct(
                    self._trace_id, "" if reply.strip() else text, by=caller.player, reply=reply
                )
            )
        except EnactorError as error:
            await say(interaction, f"Not kept: {escaped(str(error))}")
            return
        told = ", ".join(code(line.text) for line in kept) or "no command"
        await say(interaction, f"Kept as the right answer: {told}. Thank you.")
