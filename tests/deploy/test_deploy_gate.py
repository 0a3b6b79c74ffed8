"""Parity of every way of decoding with the reference, and the verdict on promotion."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from enactor.deploy import Matrix, Prompts, check, held_out_prompts
from enactor.deploy.gate import Decoder, Step, through
from enactor.deploy.kept import kept
from enactor.errors import EnactorError
from enactor.models import ScriptedEngine
from enactor.prompt import DIALECTS, tool_call


def turn(command: str) -> str:
    return DIALECTS["hermes"].render_calls([tool_call("send_command", {"command": command})])


N = 200
PROMPTS = Prompts(tuple(f"p{i}" for i in range(N)), tuple(turn(f"GOTO {i}") for i in range(N)))


def losing(*indexes: int) -> Decoder:
    """All right but for these prompts."""
    said = {f"p{i}": "sorry" if i in indexes else PROMPTS.right[i] for i in range(N)}
    return through(ScriptedEngine(said.__getitem__))


def test_each_way_is_compared_with_the_first() -> None:
    seen: list[str] = []
    ways = {"trained": losing(7), "q8_0": losing(7, 8), "q4_k_m": losing(*range(20))}
    matrix = check(ways, PROMPTS, progress=lambda name: lambda: seen.append(name))
    assert {name: seen.count(name) for name in ways} == dict.fromkeys(ways, N)
    assert matrix.right == {"trained": 199, "q8_0": 198, "q4_k_m": 180}
    assert (matrix.ways["q8_0"].lost, matrix.ways["q8_0"].gained) == (1, 0)
    assert matrix.gate("q8_0").passed
    refused = matrix.gate("q4_k_m")
    assert not refused.passed
    assert refused.reason.startswith("significant loss; q4_k_m against trained: ")
    assert "right before and not after 19" in refused.reason
    assert [row[0] for row in matrix.rows()] == ["trained", "q8_0", "q4_k_m"]
    assert matrix.to_json()["ways"]["q4_k_m"]["lost"] == 19


def test_five_losses_without_a_gain_are_the_least_that_is_seen() -> None:
    four = check({"a": losing(), "b": losing(*range(4))}, PROMPTS)
    five = check({"a": losing(), "b": losing(*range(5))}, PROMPTS)
    assert four.gate("b").passed
    assert not five.gate("b").passed


def test_too_few_prompts_prove_nothing() -> None:
    few = Prompts(PROMPTS.texts[:50], PROMPTS.right[:50])
    gate = check({"a": losing(), "b": losing()}, few).gate("b")
    assert not gate.passed
    assert "50 prompts are fewer than 200" in gate.reason


def test_one_way_alone_is_a_mistake() -> None:
    with pytest.raises(EnactorError, match="two ways"):
        check({"a": losing()}, PROMPTS)


def test_prompts_are_held_out_rendered_and_the_same_each_time() -> None:
    prompts = held_out_prompts(40)
    assert len(prompts.texts) == len(prompts.right) == 40
    assert prompts == held_out_prompts(40)
    assert all(text.endswith("<|im_start|>assistant\n") for text in prompts.texts)
    calls = [right for right in prompts.right if "<tool_call>" in right]
    assert 20 < len(calls) < 40


def test_a_decoder_that_fails_fails_the_check() -> None:
    def broken(prompts: Sequence[str], step: Step) -> list[str]:
        raise EnactorError("no memory")

    with pytest.raises(EnactorError, match="no memory"):
        check({"a": losing(), "b": broken}, PROMPTS)


def test_the_matrix_of_nothing_lost_is_clean() -> None:
    matrix = check({"a": losing(), "b": losing()}, PROMPTS)
    assert isinstance(matrix, Matrix)
    assert matrix.gate("b").reason.endswith("p = 1")


def test_kept_turns_are_not_decoded_again(tmp_path: Path) -> None:
    asked: list[str] = []

    def decode(prompts: Sequence[str], step: Step) -> list[str]:
        if len(asked) == 4:
            raise EnactorError("stopped")
        for prompt in prompts:
            asked.append(prompt)
            step()
        return [f"{prompt}\n!" for prompt in prompts]

    path = tmp_path / "parity" / "f16.jsonl"
    seen: list[None] = []

    def step() -> None:
        seen.append(None)

    with pytest.raises(EnactorError, match="stopped"):
        kept(decode, path, of="one", chunk=2)(["a", "b", "a", "c", "d", "e"], step)
    with path.open("a") as file:
        file.write('["torn')
    asked.clear()
    seen.clear()
    assert kept(decode, path, of="one", chunk=2)(["e", "a", "d"], step) == ["e\n!", "a\n!", "d\n!"]
    assert asked == ["e"]
    assert len(seen) == 3
    asked.clear()
    assert kept(decode, path, of="another")(["a"], step) == ["a\n!"]
    assert asked == ["a"]
