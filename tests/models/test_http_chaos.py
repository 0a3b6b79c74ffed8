"""Many requests at once to a server that fails at random: an answer is right, or it is an error."""

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from remote_server import call, calls, drop, event, kept_open, refuse, say, serving, stream, truncated

from enactor.models import EngineUnavailable
from enactor.models.remote import PRESETS, Endpoint, HttpEngine, Patience
from enactor.prompt import render_prompt
from enactor.world import GameState

EAST = '{"command": "GOTO east a_bit"}'
GOOD = (say("Hello there"), kept_open("Hello there"), calls(call("send_command", EAST, index=0, id="a")))
BAD = (
    drop,
    refuse(500),
    refuse(429, Retry_After="0"),
    refuse(503, Retry_After="99"),
    truncated("Hello th"),
    truncated("Hello th", reset=True),
    stream("data: {\n\n"),
    stream(event({"error": {"message": "boom", "code": 502}})),
)


def prompt(number: int) -> str:
    return render_prompt(f"request {number}", GameState())


def test_http_chaos_an_answer_is_right_or_an_error() -> None:
    chance = random.Random(7)
    lock = threading.Lock()

    def behave(handler: Any) -> None:
        with lock:
            chosen = chance.choice(GOOD if chance.random() < 0.6 else BAD)
        chosen(handler)

    with serving(behave) as server:
        endpoint = Endpoint(PRESETS["http"], "m", server.url)
        patience = Patience(connect=5, silence=5, whole=20, tries=3, pause=0.001, longest=1)

        def one(number: int) -> str:
            try:
                made = engine.complete(prompt(number))
            except EngineUnavailable:
                return "error"
            if made.calls is None:
                assert (made.text, made.stopped) == ("Hello there", True)
            else:
                assert [(c.tool, c.arguments) for c in made.calls] == [("send_command", EAST)]
            return "right"

        with HttpEngine(endpoint, patience=patience) as engine, ThreadPoolExecutor(8) as pool:
            came = list(pool.map(one, range(200)))
        asked = [body["messages"][-1]["content"] for _, _, body, _ in server.seen]
    assert came.count("right") > 120
    assert came.count("error") > 5
    # each request was asked once at least and three times at most, and none in another's name
    counts = [asked.count(f"[unknown]\nrequest {number}") for number in range(200)]
    assert sum(counts) == len(asked)
    assert min(counts) == 1
    assert max(counts) <= patience.tries


def test_http_chaos_cancelling_at_any_moment_ends_everything() -> None:
    chance = random.Random(3)
    with serving(say("Hello there")) as server:
        endpoint = Endpoint(PRESETS["http"], "m", server.url)
        with HttpEngine(endpoint, patience=Patience(tries=1)) as engine, ThreadPoolExecutor(6) as pool:
            work = [pool.submit(engine.complete, prompt(number)) for number in range(60)]
            for _ in range(15):
                threading.Event().wait(chance.random() * 0.02)
                engine.cancel()
            came = [each.result(20) for each in work]
    for made in came:
        assert made.cancelled or made.text == "Hello there"
        assert "Hello there".startswith(made.text)
        assert not (made.cancelled and made.stopped)
