"""Parity of calls before and after an export."""

import pytest

from enactor.deploy import compare
from enactor.prompt import DIALECTS, tool_call


def turn(*commands: str) -> str:
    return DIALECTS["hermes"].render_calls(tool_call("send_command", {"command": c}) for c in commands)


def test_equal_calls_in_other_spacing_are_equal():
    spaced = turn("EAT").replace('{"command"', '{ "command"')
    parity = compare([turn("EAT"), "hi"], [spaced, "hello"], [turn("EAT"), "hi"])
    assert (parity.same_calls, parity.same_text, parity.lost, parity.gained) == (2, 0, 0, 0)


def test_losses_and_gains_are_counted_against_what_is_right():
    before = [turn("EAT"), turn("STOP"), turn("EAT")]
    after = [turn("EAT tuna"), turn("PAUSE"), turn("EAT")]
    parity = compare(before, after, [turn("EAT"), turn("PAUSE"), turn("EAT")])
    assert (parity.same_calls, parity.lost, parity.gained) == (1, 1, 1)
    assert [d[0] for d in parity.differing] == [0, 1]


def test_the_sign_test_against_scipys_binomial():
    # scipy.stats.binomtest(8, 9, alternative="greater").pvalue
    right = [turn("EAT")] * 9
    before = [turn("EAT")] * 8 + [turn("STOP")]
    after = [turn("STOP")] * 8 + [turn("EAT")]
    assert compare(before, after, right).loss_probability == pytest.approx(0.01953125)
    assert compare(right, right, right).loss_probability == 1.0
