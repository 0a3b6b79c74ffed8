"""When a list of tasks is read clause by clause, and when the whole reading stands."""

from dataclasses import replace

import pytest

from enactor.agent import Controller, Toolbox
from enactor.models.engine import Completion
from enactor.prompt import DIALECTS, render_turn, tool_call
from enactor.sim import Simulator

MESSAGE = "deposit everything, then withdraw 10 lobsters and 500 coins"
STATE = {
    "location": [3092, 3245, 0],
    "health": [30, 30],
    "inventory": ["Bones"],
    "bank": {"Lobster": 20, "Coins": 900},
}
OUT = ("BANK_OPEN", "BANK_WITHDRAW lobsters 10", "BANK_WITHDRAW coins 500")
IN = ("BANK_OPEN", "BANK_DEPOSIT_ALL")


class Answers:
    """An engine with one answer, and its log-probability, for what the player says last."""

    name = "answers"

    def __init__(self, answers: dict[str, tuple[tuple[str, ...], float]]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    def complete(self, prompt: str, **options: object) -> Completion:
        said = prompt.rpartition("<|im_start|>user\n")[2].partition("<|im_end|>")[0].splitlines()[-1]
        self.asked.append(said)
        lines, logprob = self.answers[said]
        calls = tuple(tool_call("send_command", {"command": line}) for line in lines)
        text = render_turn("" if calls else "Nice.", calls, DIALECTS["hermes"])
        return replace(Completion(text), logprob=logprob)

    def cancel(self) -> None: ...

    def close(self) -> None: ...


def lowered(message: str, answers: dict[str, tuple[tuple[str, ...], float]]) -> tuple[list[str], list[str]]:
    engine = Answers(answers)
    trace = Controller(engine, Toolbox(Simulator(seed=1, start=STATE))).handle(message)
    return [str(step.result.lowered) for step in trace.steps], engine.asked


@pytest.mark.parametrize("whole", [-0.01, -3.0])
def test_a_task_that_a_clause_surely_asks_for_is_not_left_out(whole: float) -> None:
    lines, asked = lowered(
        MESSAGE,
        {
            MESSAGE: (OUT, whole),
            "deposit everything": (IN, -0.5),
            "withdraw 10 lobsters and 500 coins": (OUT, -0.5),
        },
    )
    assert lines == ["BANK_OPEN", "BANK_DEPOSIT_ALL", "BANK_WITHDRAW Lobster 10", "BANK_WITHDRAW Coins 500"]
    assert asked[0] == MESSAGE


def test_a_reading_that_lacks_it_as_well_wins_only_where_it_is_likelier() -> None:
    answers = {
        MESSAGE: (OUT, -0.3),
        "deposit everything": (("BANK_OPEN",), -0.5),
        "withdraw 10 lobsters and 500 coins": (OUT, -0.5),
    }
    lines, _ = lowered(MESSAGE, answers)
    assert lines == ["BANK_OPEN", "BANK_WITHDRAW Lobster 10", "BANK_WITHDRAW Coins 500"]


def test_a_sure_reading_that_has_every_task_is_asked_once() -> None:
    _, asked = lowered(MESSAGE, {MESSAGE: ((*IN, *OUT[1:]), -0.01)})
    assert asked == [MESSAGE]


def test_words_stay_words_whatever_their_clauses_would_be() -> None:
    lines, _ = lowered(MESSAGE, {MESSAGE: ((), -0.01)})
    assert lines == []
