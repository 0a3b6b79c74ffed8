"""A teacher answers what no rule can: any `Engine`, a large model behind an OpenAI-compatible endpoint.

Nothing that a teacher says counts by itself. Its calls must be grammatical, ask for nothing that the player
did not say, and be carried out by the simulator in the recorded state; its paraphrases must keep the words
that the answer is made of.
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from enactor.agent import Toolbox, shapes
from enactor.curate.draft import Draft
from enactor.curate.near import plain_text
from enactor.curate.relabel import read_call
from enactor.curate.rows import Action, Row
from enactor.models.engine import Engine
from enactor.prompt import DIALECTS, Dialect, escape, render_prompt, system_with_tools, tool_call
from enactor.sim import Simulator
from enactor.trace import content_hash
from enactor.trace.values import Step
from enactor.world import COMMANDS, CommandError, GameState, openai_tools, parse

RULE = "teacher"
_PARAPHRASE = (
    "You rewrite what players of Old School RuneScape type to their assistant. Give {n} other ways to say "
    "the message, one a line, nothing else. Keep every name and every number exactly as it is written."
)
_BULLET = re.compile(r"^\s*(?:[-*•]|\d+[.)])\s*")


def replayed(say: Iterable[Action], state: object) -> tuple[Step, ...] | None:
    """The calls carried out by the simulator in a case's state, each awaited; None when one does not
    succeed."""
    toolbox = Toolbox(Simulator(seed=0, start=state if isinstance(state, dict) else {}))
    steps = []
    for action in say:
        call = tool_call(action.tool, action.args)
        result = toolbox.settle(call, toolbox.call(call))
        if result.status != "ok":
            return None
        steps.append(Step(call, result))
    return tuple(steps)


class Teacher:
    """Relabels drafts with the engine's answers, and puts rows in other words. `asked`, `taught` and `worded`
    count."""

    def __init__(self, engine: Engine, dialect: Dialect = DIALECTS["hermes"]) -> None:
        self._engine = engine
        self._dialect = dialect
        self._system = system_with_tools(openai_tools())
        self.asked = 0
        self.taught = 0
        self.worded = 0

    def __call__(self, draft: Draft) -> Draft | None:
        """The draft with the teacher's calls, None when they do not hold. Raises what the engine raises."""
        self.asked += 1
        prompt = render_prompt(
            draft.message,
            GameState.from_case(draft.state),
            draft.history,
            system=self._system,
            dialect=self._dialect,
        )
        text = self._engine.complete(prompt).text
        calls = self._dialect.parse(text).calls or shapes(text)
        say: list[Action] = []
        for call in calls:
            read = read_call(Action(call.tool, dict(call.parsed or {}))) if call.parse_error is None else None
            if read is None:
                return None
            say += read
        steps = replayed(say, dict(draft.state)) if say else None
        if steps is None:
            return None
        self.taught += 1
        return replace(draft.answered(say, RULE, steps), failed=())

    def paraphrased(self, row: Row, count: int) -> Iterator[Row]:
        """The row in up to `count` other wordings; see `paraphrases`."""
        for other in paraphrases(self._engine, [row], count):
            self.worded += 1
            yield other


def paraphrases(engine: Engine, rows: Iterable[Row], count: int = 3) -> Iterator[Row]:
    """Rows in the teacher's words. A paraphrase counts when it is new, holds every name and number of the
    answer as it was written, and the simulator carries the answer out. It stays in its row's group, so that
    the split keeps both on one side. Raises what the engine raises."""
    for row in rows:
        words = _kept_words(row)
        if not row.say or words is None or row.history or replayed(row.say, dict(row.state)) is None:
            continue
        prompt = (
            f"<|im_start|>system\n{_PARAPHRASE.format(n=count)}<|im_end|>\n"
            f"<|im_start|>user\n{escape(row.message)}<|im_end|>\n<|im_start|>assistant\n"
        )
        seen = {plain_text(row.message)}
        for line in engine.complete(prompt).text.splitlines()[: 2 * count]:
            said = _BULLET.sub("", line).strip().strip('"')
            plain = plain_text(said)
            if plain in seen or not 2 <= len(said) <= 200 or any(word not in plain for word in words):
                continue
            seen.add(plain)
            meta = {**row.meta, "paraphrase_of": content_hash(json.loads(json.dumps(row.to_json())))}
            yield replace(row, message=said, meta=meta)


def _kept_words(row: Row) -> list[str] | None:
    """The operands as words, for commands whose operands were said; None where no command is due."""
    words: list[str] = []
    for action in row.say:
        if action.tool != "send_command":
            return None
        try:
            command = parse(str(action.args["command"]))
        except CommandError:
            return None
        fixed = {str(c).casefold() for o in COMMANDS[command.verb].operands for c in (*o.choices, "none")}
        words += [
            plain_text(str(value).replace("_", " "))
            for value in command.operands
            if str(value).casefold() not in fixed
        ]
    said = plain_text(row.message)
    return [word for word in words if word in said]
