"""The control loop over a remote engine: what is sent to the game, once, whatever the network does."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from remote_server import (
    Behaviour,
    Server,
    call,
    calls,
    delta,
    drop,
    event,
    refuse,
    say,
    say_then_hang,
    serving,
    stream,
    truncated,
)

from enactor.agent import Controller, Session, Toolbox
from enactor.models import EngineError, ScriptedEngine
from enactor.models.engine import Engine
from enactor.models.remote import PRESETS, Endpoint, FailoverEngine, HttpEngine, Patience
from enactor.prompt import tool_call
from enactor.serve.cancellable import CancellableEngine
from enactor.serve.played import Cancelled
from enactor.sim import Simulator
from enactor.world import openai_tools

START = {"location": [3200, 3200, 0], "health": [30, 30], "inventory": ["Tuna", "Coins x150"]}
QUICK = Patience(connect=2.0, silence=0.5, whole=5.0, tries=3, pause=0.02, longest=1.0)


class Counted(Simulator):
    """A simulator that keeps the lines it was sent."""

    sent: list[str]

    def send(self, line: str) -> Any:
        self.sent.append(line)
        return super().send(line)


def act(*commands: str) -> Behaviour:
    made = (
        call("send_command", tool_call("send_command", {"command": command}).arguments, index=i, id=f"c{i}")
        for i, command in enumerate(commands)
    )
    return calls(*made)


@contextmanager
def loop(*script: Behaviour, engine: Engine | None = None) -> Iterator[tuple[Controller, Counted, Server]]:
    with serving(*script) as server:
        endpoint = Endpoint(PRESETS["vllm"], "m", server.url)
        with HttpEngine(endpoint, tools=openai_tools(), patience=QUICK) as remote:
            game = Counted(seed=1, start=START)
            game.sent = []
            yield Controller(engine or remote, Toolbox(game)), game, server


@pytest.mark.parametrize("fault", [drop, refuse(500), refuse(429, Retry_After="0"), truncated("Su")])
def test_http_loop_a_try_that_failed_sends_nothing(fault: Behaviour) -> None:
    with loop(fault, act("GOTO east a_bit", "EAT tuna")) as (controller, game, server):
        trace = controller.handle("go east a bit and eat")
    assert game.sent == [step.result.lowered for step in trace.steps]
    assert [line.split()[0] for line in game.sent] == ["GOTO", "EAT"]
    assert len(server.seen) == 2
    assert trace.outcome == trace.model_outcome == "executed"
    assert [step.call.origin for step in trace.steps] == ["raw", "raw"]


def test_http_loop_half_a_turn_sends_nothing() -> None:
    """A whole first call, then the connection breaks: the turn is not there, and no call of it is made."""
    piece = call("send_command", '{"command": "DROP_ALL Tuna"}', index=0, id="a")
    with loop(stream(delta(tool_calls=[piece]))) as (controller, game, server):
        with pytest.raises(EngineError, match="out of reach"):
            controller.handle("drop the tuna")
        assert game.sent == []
        assert len(server.seen) == QUICK.tries


def test_http_loop_what_was_sent_is_not_sent_again() -> None:
    """The game refuses, and the model cannot be had for its second thought: the record stands."""
    with loop(act("ATTACK_NPC Hill_Giant"), refuse(500)) as (controller, game, server):
        trace = controller.handle("attack a hill giant")
    assert len(game.sent) == 1
    assert [step.result.status for step in trace.steps] == ["error"]
    assert len(server.seen) == 1 + QUICK.tries
    assert trace.reply


def test_http_loop_the_second_engine_goes_on_from_what_was_done() -> None:
    spare = ScriptedEngine([""])
    with loop(act("ATTACK_NPC Hill_Giant"), refuse(500)) as (controller, game, _):
        engine = FailoverEngine(controller.engine, lambda: spare, "spare")
        Controller(engine, controller.toolbox, ladder=False).handle("attack a hill giant")
    assert len(game.sent) == 1
    assert '"status": "error", "command": "ATTACK_NPC Hill_Giant"' in spare.prompts[0]


def test_http_loop_stop_while_decoding_sends_nothing() -> None:
    piece = call("send_command", '{"command": "DROP_ALL Tuna"}', index=0, id="a")

    def half(handler: Any) -> None:
        handler.begin()
        handler.send(delta(tool_calls=[piece]))
        asked.set()
        handler.gone()
        handler.server.left.set()

    asked = threading.Event()
    with loop(half, say("Hello")) as (controller, game, server):
        engine = CancellableEngine(controller.engine)
        threading.Thread(target=lambda: (asked.wait(5), engine.cancel()), daemon=True).start()
        with pytest.raises(Cancelled):
            Controller(engine, controller.toolbox).handle("drop the tuna")
        assert game.sent == []
        assert server.left.wait(5)
        engine.resume()
        assert Controller(engine, controller.toolbox).handle("hello").reply == "Hello"


def test_http_loop_bad_arguments_climb_the_ladder() -> None:
    """Unreadable arguments are a parse error, as in process, and the call is then forced."""
    bad = calls(call("send_command", '{"command": "GOTO east', index=0, id="a"))
    with loop(bad, act("GOTO east a_bit")) as (controller, game, server):
        trace = controller.handle("go east a bit")
    assert server.seen[1][2]["tool_choice"] == "required"
    assert [step.call.origin for step in trace.steps] == ["forced"]
    assert len(game.sent) == 1


def test_http_loop_a_call_written_as_text_is_no_structure() -> None:
    told = 'I will do it:\n```json\n{"name": "send_command", "arguments": {"command": "EAT tuna"}}\n```'
    with loop(say(told)) as (controller, game, _):
        trace = controller.handle("eat tuna")
    assert [step.call.origin for step in trace.steps] == ["repaired"]
    assert trace.model_outcome == "described"
    assert len(game.sent) == 1


def test_http_loop_history_keeps_calls_and_results() -> None:
    with loop(act("EAT tuna"), say("ok")) as (controller, _, server):
        session = Session(controller)
        session.say("eat tuna")
        session.say("thanks mate")
    roles = [message["role"] for message in server.seen[1][2]["messages"]]
    assert roles == ["system", "user", "assistant", "tool", "user"]
    made = server.seen[1][2]["messages"]
    assert made[2]["tool_calls"][0]["function"]["arguments"] == '{"command": "EAT tuna"}'
    assert made[3]["tool_call_id"] == made[2]["tool_calls"][0]["id"]
    assert "Eat" in made[3]["content"] or "EAT" in made[3]["content"]


def test_http_loop_a_hang_is_told() -> None:
    with loop(say_then_hang("Su"), stream(event("[DONE]"))) as (controller, game, _):
        with pytest.raises(EngineError, match="silent"):
            controller.handle("eat tuna")
        assert game.sent == []
