"""The model's word against the offers'."""

import math

import pytest

from enactor.agent.weigh import MARGIN, PLAUSIBLE, WEIGHT, head_logprob, head_of, weigh
from enactor.models.engine import Completion
from enactor.prompt import DIALECTS, render_turn, tool_call
from enactor.world import turn_gbnf, words_gbnf

HERMES = DIALECTS["hermes"]


def called(line: str, logprob: float) -> Completion:
    """A turn with one command, all of whose uncertainty is in the verb."""
    text = render_turn("", (tool_call("send_command", {"command": line}),), HERMES)
    at = text.index(line)
    verb = line.split()[0]
    tokens = ((text[:at], -0.01), (verb, logprob), (text[at + len(verb) :], 0.0))
    return Completion(text, logprob=logprob - 0.01, tokens=tokens)


def said(text: str, first: float) -> Completion:
    return Completion(text, logprob=first, tokens=((text, first),))


class Ready:
    """An engine that has one answer for each grammar."""

    def __init__(self, answers: dict[str, Completion]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    def complete(self, prompt: str, *, grammar: str) -> Completion:
        self.asked.append(grammar)
        return self.answers[grammar]


def won(engine: Ready, first: Completion, shares: dict[str, float]) -> str | None:
    found = weigh(engine, "prompt", first, lambda done: HERMES.parse(done.text), shares)
    assert found.forced == (found.chosen is not first)
    return head_of(HERMES.parse(found.chosen.text))


def test_a_sure_model_is_not_asked_twice() -> None:
    engine = Ready({})
    assert won(engine, called("FISH tuna", -0.001), {"FISH": 0.05, "CHOP_TREE": 0.9}) == "FISH"
    assert engine.asked == []


def test_an_unsure_model_gives_way_to_sure_offers() -> None:
    engine = Ready({turn_gbnf(first="CLOSE_INTERFACE"): called("CLOSE_INTERFACE", -1.5)})
    shares = {"CLICK_CONTINUE": 0.01, "CLOSE_INTERFACE": 0.97}
    assert won(engine, called("CLICK_CONTINUE", -0.9), shares) == "CLOSE_INTERFACE"


def test_what_the_model_finds_unlikely_stays_out_whatever_the_offers_say() -> None:
    engine = Ready({turn_gbnf(first="CAMERA_PITCH"): called("CAMERA_PITCH 20", -9.0)})
    assert won(engine, called("CHOP_TREE", -0.8), {"CHOP_TREE": 0.01, "CAMERA_PITCH": 0.97}) == "CHOP_TREE"


@pytest.mark.parametrize(("margin", "winner"), [(-0.05, "CHOP_TREE"), (0.05, "FISH")])
def test_the_sum_decides(margin: float, winner: str) -> None:
    share = 0.01
    loss = WEIGHT * math.log(share / PLAUSIBLE)
    engine = Ready({turn_gbnf(first="FISH"): called("FISH tuna", -1.0 + loss + MARGIN + margin)})
    assert won(engine, called("CHOP_TREE", -1.0), {"CHOP_TREE": share, "FISH": 0.9}) == winner


def test_words_win_where_the_model_hardly_meant_to_call() -> None:
    first = Completion(
        called("GOTO east", -0.1).text,
        tokens=(("<", -1.2), (called("GOTO east", -0.1).text[1:], -0.2)),
    )
    engine = Ready({words_gbnf(): said("Good to hear.", -0.5)})
    assert won(engine, first, {"GOTO": 0.02, "reply": 0.9}) == "reply"


def test_a_call_wins_over_words_that_the_offers_do_not_see() -> None:
    engine = Ready({turn_gbnf(first="WAIT"): called("WAIT 5", -0.4)})
    assert won(engine, said("Hm?", -1.0), {"reply": 0.01, "WAIT": 0.98}) == "WAIT"


def test_several_calls_and_answers_without_probabilities_stand() -> None:
    two = render_turn("", tuple(tool_call("send_command", {"command": c}) for c in ("EAT", "STOP")), HERMES)
    shares = {"EAT": 0.001, "GOTO": 0.99}
    assert won(Ready({}), Completion(two, tokens=((two, -5.0),)), shares) == "EAT"
    assert won(Ready({}), Completion(called("EAT", -5.0).text), shares) == "EAT"


def test_the_head_ends_with_the_verb() -> None:
    assert head_logprob(called("KILL_LOOP cows none 5", -0.5), "KILL_LOOP") == pytest.approx(-0.51)
