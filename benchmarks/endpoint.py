"""What the wire costs: `HttpEngine` -> HTTP on the loopback -> `enactor serve model`, around an engine that
needs no time of its own.

    python benchmarks/endpoint.py [REQUESTS] [AT_ONCE]

Prints the time of a whole turn (prompt to messages, request, messages to prompt, stream, calls) against the
same engine in process, the time to the first piece of text, turns a second with several clients, and how many
a full queue turned away.
"""

import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from enactor.evaluate.stats import quantile
from enactor.models import ScriptedEngine
from enactor.models.engine import EngineUnavailable
from enactor.models.remote import PRESETS, Endpoint, HttpEngine, Patience
from enactor.prompt import render_prompt
from enactor.serve.model.app import build_app
from enactor.serve.model.card import Card
from enactor.serve.model.desk import Desk
from enactor.serve.model.service import server_for
from enactor.serve.model.turn import Service
from enactor.world import GameState, openai_tools

STATE = GameState.from_case({"health": [30, 35], "inventory": ["Tuna x3"]})
PROMPT = render_prompt("kill 20 chickens", STATE)
CALL = '{"name": "send_command", "arguments": {"command": "KILL_LOOP chickens none 20"}}'
TURN = f"On my way.\n<tool_call>\n{CALL}\n</tool_call>"


def main(requests: int = 300, at_once: int = 8) -> None:
    script = ScriptedEngine(lambda prompt: TURN)
    desk = Desk(script, slots=2, queue=8)
    server = server_for(build_app(Service(desk, Card("default", 2048)), names=("127.0.0.1",)))
    with socket.create_server(("127.0.0.1", 0)) as bound:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{bound.getsockname()[1]}/v1"
        patience = Patience(tries=1)
        with HttpEngine(
            Endpoint(PRESETS["enactor"], "default", url), tools=openai_tools(), patience=patience
        ) as engine:
            for _ in range(20):
                engine.complete(PROMPT)
            here = [timed(lambda: script.complete(PROMPT)) for _ in range(requests)]
            wire = [engine.complete(PROMPT) for _ in range(requests)]
            assert all(made.text == TURN for made in wire)
            shown("in process", here)
            shown("over HTTP", [made.seconds for made in wire])
            shown("over HTTP, first piece", [made.first_token_seconds for made in wire])
            for clients in (at_once, 2 * at_once):
                crowd(engine, requests, clients)
        server.should_exit = True
        thread.join()
        desk.close()


def crowd(engine: HttpEngine, requests: int, clients: int) -> None:
    def one(_: int) -> bool:
        try:
            return engine.complete(PROMPT).text == TURN
        except EngineUnavailable:
            return False

    started = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        done = list(pool.map(one, range(requests)))
    seconds = time.perf_counter() - started
    print(
        f"{clients} clients: {sum(done)} of {requests} answered right, {requests - sum(done)} turned away, "
        f"{requests / seconds:.0f} a second"
    )


def timed(work: object) -> float:
    started = time.perf_counter()
    work()  # type: ignore[operator]
    return time.perf_counter() - started


def shown(what: str, seconds: list[float]) -> None:
    p50, p95 = (quantile(seconds, q) * 1000 for q in (0.5, 0.95))
    print(f"{what:24} p50 {p50:.2f} ms, p95 {p95:.2f} ms, n = {len(seconds)}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
