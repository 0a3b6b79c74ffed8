"""One request from the desk to its end, in neither API's form yet."""

import threading
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Literal

from enactor.models.engine import Completion
from enactor.prompt import DIALECTS, Dialect
from enactor.serve.model.card import Card
from enactor.serve.model.chat import Answer, ChatRequest, Speaker, options, render, settle
from enactor.serve.model.desk import Desk

Reason = Literal["stop", "length", "tool_calls"]


@dataclass(frozen=True, slots=True)
class Done:
    """The end of a turn: its answer, what of it was not shown yet, why it ended, and the counts."""

    answer: Answer
    rest: str
    reason: Reason
    completion: Completion


@dataclass(frozen=True, slots=True)
class Service:
    """The model that is served."""

    desk: Desk
    card: Card
    untuned: bool = False
    dialect: Dialect = DIALECTS["hermes"]

    async def converse(self, request: ChatRequest) -> AsyncGenerator[str | Done]:
        """What may be shown, as it comes, then the end. Raises `Overloaded` and what the engine raises, most
        of it before the first piece."""
        speaker = Speaker(request)
        enough = threading.Event()
        prompt = render(request, self.dialect, untuned=self.untuned)
        async with aclosing(self.desk.answer(prompt, options(request), enough)) as pieces:
            async for piece in pieces:
                if isinstance(piece, Completion):
                    yield self._done(request, speaker, piece)
                    return
                if shown := speaker.feed(piece):
                    yield shown
                if speaker.stopped:
                    enough.set()

    def _done(self, request: ChatRequest, speaker: Speaker, completion: Completion) -> Done:
        if not speaker.stopped:
            speaker.text = completion.text
        answer = settle(speaker.text, request, self.dialect)
        whole = speaker.stopped or completion.stopped
        reason: Reason = "tool_calls" if answer.calls else "stop" if whole else "length"
        return Done(answer, speaker.rest(answer), reason, completion)
