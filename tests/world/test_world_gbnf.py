"""The GBNF: our own reading of it accepts what the parser accepts, and llama.cpp decodes by it."""

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_world_grammar import commands

from enactor.world import COMMANDS, TOOLS, Command, gbnf, turn_gbnf

TOKEN = re.compile(r'\s+|"(?:[^"\\]|\\.)*"|\[(?:[^\]\\]|\\.)*\]|\{\d+,\d+\}|[()?|]|[a-z][a-z0-9-]*')


def as_regex(grammar: str) -> re.Pattern[str]:
    """The grammar as a regular expression. Ours does not recurse, so this is exact."""
    rules = dict(line.split(" ::= ", 1) for line in grammar.splitlines())
    cache: dict[str, str] = {}

    def expand(name: str) -> str:
        if name not in cache:
            parts = []
            rest = rules[name]
            while rest:
                match = TOKEN.match(rest)
                assert match, f"{name}: {rest[:40]!r}"
                token, rest = match[0], rest[match.end() :]
                if token.startswith('"'):
                    parts.append(re.escape(json.loads(token)))
                elif token[0] in "[{()?|":
                    parts.append(token.replace("(", "(?:") if token == "(" else token)
                elif token.strip():
                    parts.append(f"(?:{expand(token)})")
            cache[name] = "".join(parts)
        return cache[name]

    return re.compile(expand("root"))


LINE = as_regex(gbnf())
TURN = as_regex(turn_gbnf())


def call(name: str, **arguments: object) -> str:
    return f"<tool_call>\n{json.dumps({'name': name, 'arguments': arguments})}\n</tool_call>"


@given(commands())
@settings(max_examples=400, deadline=None)
def test_the_grammar_takes_every_canonical_line(command: Command) -> None:
    line = command.render()
    assert LINE.fullmatch(line)
    assert TURN.fullmatch(call("send_command", command=line))


@pytest.mark.parametrize("verb", COMMANDS)
def test_every_example_is_in_the_grammar(verb: str) -> None:
    for example in COMMANDS[verb].examples:
        assert LINE.fullmatch(example)
        assert as_regex(gbnf([verb])).fullmatch(example)


def test_made_up_verbs_and_runaway_digits_are_not() -> None:
    for line in (
        "FARM_LOOP Cow",
        "KILL_LOOP Cow none 3000000000",
        "GOTO 3222322 3218",
        "STOP now",
        "",
        "kill_loop Cow none",
    ):
        assert not LINE.fullmatch(line)
    assert not as_regex(gbnf(["STOP"])).fullmatch("KILL")


def test_turns() -> None:
    one = call("send_command", command="STOP")
    assert TURN.fullmatch("\n".join([one] * 6))
    assert not TURN.fullmatch("\n".join([one] * 7))
    assert not TURN.fullmatch("I will do that. " + one)
    assert not TURN.fullmatch(call("send_command", command="FARM Cow"))
    assert not TURN.fullmatch(call("send_command"))
    assert TURN.fullmatch(call("get_game_state", fields=["location", "health"]))
    assert TURN.fullmatch(call("get_game_state"))
    assert TURN.fullmatch(call("lookup_location", location="draynor bank"))
    assert TURN.fullmatch(call("get_logs", level="ALL", since_seconds=60))
    assert TURN.fullmatch(call("query_nearby", include_npcs=True, max_distance=20))
    assert TURN.fullmatch(
        call("send_and_await", command="GOTO bank", await_condition="idle", timeout_ms=60000)
    )
    assert not TURN.fullmatch(call("fly_away"))
    for name in TOOLS:
        assert f'\\"{name}\\"' in turn_gbnf()


@pytest.mark.model
@pytest.mark.slow
def test_llama_decodes_by_it() -> None:
    """At a high temperature the model writes nonsense, and what it finishes is in the grammar."""
    from enactor.models import LlamaEngine, pull

    engine = LlamaEngine(pull(), slots=1)
    line, turn = gbnf(), turn_gbnf(calls=2)
    try:
        for seed in range(6):
            one = engine.complete("Command: ", grammar=line, temperature=1.5, seed=seed, max_tokens=160)
            assert not one.stopped or LINE.fullmatch(one.text), one.text
            two = engine.complete("Calls: ", grammar=turn, temperature=1.2, seed=seed, max_tokens=256)
            assert not two.stopped or TURN.fullmatch(two.text), two.text
    finally:
        engine.close()


@given(st.from_regex(LINE.pattern, fullmatch=True))
@settings(max_examples=200, deadline=None)
def test_what_the_grammar_makes_is_well_formed(line: str) -> None:
    """The grammar is wider than the parser: words are free and ranges unchecked. The verb is declared."""
    assert line.split(" ", 1)[0] in COMMANDS
