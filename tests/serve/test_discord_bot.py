"""The bot over the real discord.py, against a Discord on the loopback: what people see of it."""

import asyncio
import json
from pathlib import Path

import pytest

pytest.importorskip("discord")

from core_parts import SlowEngine, turn
from discord_parts import _brisk as _brisk
from discord_parts import playing, run
from discord_server import BOT, CHANNEL, ELSEWHERE, FRIEND, OWNER, ROLE, STRANGER

from enactor.models import ScriptedEngine
from enactor.serve.core import Limits, Model
from enactor.serve.label.journal import Journal
from enactor.trace import TraceStore


def test_a_direct_message_is_answered_as_a_reply(tmp_path: Path) -> None:
    async def play() -> None:
        async with playing(tmp_path) as (server, _):
            asked = await server.say(OWNER, "walk a bit east")
            answer = await server.answer("Done: GOTO 3227 3218 0")
            assert answer["reference"] == asked
            assert "moved 5 tiles east" in answer["content"]
            assert answer["allowed_mentions"]["parse"] == []
            assert any(line.startswith("typing") for line in server.log)
            assert len(server.messages) == 1

    run(play())


def test_in_a_server_only_mentions_in_allowed_channels_by_allowed_people(tmp_path: Path) -> None:
    async def play() -> None:
        async with playing(tmp_path) as (server, service):
            await server.say(OWNER, "walk", channel=CHANNEL)
            await server.say(OWNER, f"<@{BOT}> walk", channel=ELSEWHERE)
            await server.say(STRANGER, f"<@{BOT}> walk", channel=CHANNEL)
            await server.say(STRANGER, f"<@{BOT}> stop", channel=CHANNEL)
            await server.say(STRANGER, "GOTO east 5")
            refusal = await server.answer("only take requests")
            await server.say(STRANGER, f"<@{BOT}> GOTO east 5", channel=CHANNEL, roles=(ROLE,))
            await server.answer("Done: GOTO 3227 3218 0")
            assert len(server.messages) == 2, "one refusal, one answer"
            assert refusal["content"].startswith("Sorry")
            assert service.accounts["main"].observe().location == (3227, 3218, 0)

    run(play())


def test_a_watcher_looks_and_does_not_act(tmp_path: Path) -> None:
    async def play() -> None:
        async with playing(tmp_path) as (server, service):
            await server.say(FRIEND, "GOTO east 5")
            await server.answer("only reads")
            await server.say(FRIEND, "stop")
            await server.answer("only take requests")
            token = await server.slash(FRIEND, "status")
            await server.told(token, "3222, 3218")
            for name in ("stop", "ab", "routine"):
                more = {"what": "walk"} if name == "ab" else {"name": "x"} if name == "routine" else {}
                token = await server.slash(FRIEND, name, **more)
                await server.told(token, "only take requests")
            assert service.accounts["main"].observe().location == (3222, 3218, 0)

    run(play())


def test_a_long_task_has_one_message_that_is_edited(tmp_path: Path) -> None:
    async def play() -> None:
        engine = ScriptedEngine(lambda prompt: turn("GOTO 3259 3268 0", "KILL_LOOP Cow none 3"))
        async with playing(tmp_path, engine, pace=20.0) as (server, _):
            await server.say(OWNER, "kill three cows")
            answer = await server.answer("has ended", within_s=40)
            assert len(server.messages) == 1
            edits = answer["edits"]
            assert len(edits) > 3
            assert any("▶ kill three cows" in text for text in edits)
            assert any("… `" in text and "moved" in text for text in edits), edits
            assert "🏁 `KILL_LOOP Cow none 3` has ended" in answer["content"]
            assert " xp" in answer["content"]

    run(play())


def test_the_queue_shows_its_order_and_can_be_cancelled(tmp_path: Path) -> None:
    async def play() -> None:
        engine = SlowEngine()
        async with playing(tmp_path, engine) as (server, service):
            await server.say(OWNER, "walk one")
            await server.until(lambda: engine.under_way.is_set())
            await server.say(OWNER, "walk two")
            await server.say(OWNER, "walk three")
            third = await server.answer("⏳ walk three (2 before it)")
            token = await server.slash(OWNER, "queue")
            await server.told(token, "▶ walk one")
            second = await server.answer("⏳ walk two")
            await server.press(OWNER, int(second["id"]), "Cancel")
            await server.answer("⏹ Cancelled by User 1")
            await server.until(lambda: "one before it" in server.messages[int(third["id"])]["content"])
            assert [w.message for w in service.queue(service_caller(), "main")] == ["walk one", "walk three"]

    run(play())


def service_caller():  # type: ignore[no-untyped-def]
    from enactor.serve.core import Caller

    return Caller("discord", str(OWNER), "User 1")


@pytest.mark.parametrize("text", ["stop", "STOP!!", "please stop"])
def test_stop_acts_at_once_while_the_model_decodes(tmp_path: Path, text: str) -> None:
    async def play() -> None:
        engine = SlowEngine(deaf=True)
        async with playing(tmp_path, engine) as (server, _):
            await server.say(OWNER, "walk one")
            await server.until(lambda: engine.under_way.is_set())
            await server.say(OWNER, text)
            await server.answer("Done: STOP", within_s=5)
            await server.answer("⏹ Stopped by User 1", within_s=5)

    run(play())


def test_a_question_has_buttons_for_its_asker_and_times_out(tmp_path: Path) -> None:
    async def play() -> None:
        async with playing(tmp_path, limits=Limits(ask_s=3)) as (server, service):
            await server.say(OWNER, "DROP_ALL")
            asked = await server.answer("Really?")
            await server.until(lambda: labels(server.messages[int(asked["id"])]) == ["Yes", "No"])
            token = await server.press(FRIEND, int(asked["id"]), "Yes")
            await server.told(token, "not open any more, or not yours")
            await server.press(OWNER, int(asked["id"]), "Yes")
            await server.answer("Dropped")
            await server.until(lambda: labels(server.messages[int(asked["id"])]) == ["👍", "👎", "Fix"])
            await server.say(OWNER, "DROP_ALL")
            later = await server.until(
                lambda: [m for m in server.messages.values() if "no answer within 3 s" in m["content"]]
            )
            assert labels(later[0]) == ["👍", "👎", "Fix"]
            assert service.accounts["main"].observe().inventory

    run(play())


def labels(message: dict) -> list[str]:  # type: ignore[type-arg]
    return [button["label"] for row in message["components"] for button in row["components"]]


def test_thumbs_and_fixes_reach_the_store(tmp_path: Path) -> None:
    async def play() -> None:
        async with playing(tmp_path) as (server, _):
            await server.say(OWNER, "kill a cow")
            answer = await server.answer("Done: GOTO")
            number = int(answer["id"])
            await server.react(STRANGER, number, "👍")
            await server.react(OWNER, number, "👎")
            (trace_id,) = await server.until(lambda: list(TraceStore(tmp_path / "log").feedback()))
            assert TraceStore(tmp_path / "log").feedback()[trace_id].rating == 1
            token = await server.press(OWNER, number, "👍")
            await server.told(token, "Noted")
            for text, told in (
                ("KILL_LOP Cow", "Not kept"),
                ("KILL_LOOP Cow none 1", "Kept as the right answer"),
            ):
                token = await server.press(OWNER, number, "Fix")
                form = await server.told(token, "What would have been right?")
                assert form["type"] == 9
                data = {"custom_id": form["data"]["custom_id"], "components": filled(form["data"], text)}
                token = await server.interact(OWNER, 5, data)
                await server.told(token, told)
            token = await server.press(FRIEND, number, "👎")
            await server.told(token, "only take requests")
        (label,) = Journal(tmp_path / "log").labels().of[trace_id].values()
        assert label.calls is not None
        assert label.calls[0].args == {"command": "KILL_LOOP Cow none 1"}
        assert TraceStore(tmp_path / "log").feedback()[trace_id].rating in (5, None)

    run(play())


def filled(form: dict, text: str) -> list[dict]:  # type: ignore[type-arg]
    """The form's components as Discord sends them back, the first field with a text."""
    rows, first = [], True
    for row in form["components"]:
        fields = row.get("components") or [row["component"]]
        sent = [{"type": 4, "custom_id": f["custom_id"], "value": text if first else ""} for f in fields]
        first = False
        rows.append({"type": 1, "components": sent})
    return rows


def test_slash_commands_and_their_completion(tmp_path: Path) -> None:
    async def play() -> None:
        other = ScriptedEngine(lambda prompt: turn("GOTO west 5"))
        async with playing(
            tmp_path, names=("main", "alt"), choice=("better",), other=lambda name: Model(name, other)
        ) as (server, service):
            names = {command["name"] for command in server.commands}
            assert {"status", "stop", "do", "routine", "model", "ab", "help"} <= names
            token = await server.slash(OWNER, "do", what="GOTO east 5")
            await server.told(token, "GOTO east 5")
            await server.answer("Done: GOTO 3227 3218 0")
            token = await server.slash(OWNER, "status", account="alt")
            status = await server.told(token, "3222, 3218")
            assert status["data"]["files"][0][0] == "map.png"
            token = await server.slash(OWNER, "do", what="KILL_LOOP C", typing="what")
            await server.told(token, "KILL_LOOP Cow")
            token = await server.slash(OWNER, "status", account="a", typing="account")
            choices = await server.told(token, "alt")
            assert [c["value"] for c in choices["data"]["choices"]] == ["main", "alt"]
            token = await server.slash(STRANGER, "status", account="", typing="account")
            await server.told(token, "choices")
            assert server.interactions[token][0]["data"]["choices"] == []
            token = await server.slash(OWNER, "ab", what="walk a bit")
            asked = await server.told(token, "Nothing was sent")
            assert "GOTO 3217" in asked["data"]["content"]
            assert "scripted" not in asked["data"]["content"]
            message = next(m for m in server.messages.values() if "Nothing was sent" in m["content"])
            token = await server.press(OWNER, int(message["id"]), "A is better")
            await server.told(token, "Noted. A was")
            token = await server.slash(OWNER, "model", name="better")
            await server.told(token, "From now on `better` answers")
            assert service.desk.model.name == "better"
            token = await server.slash(OWNER, "model", name="/etc/passwd")
            await server.told(token, "not among those")
            token = await server.slash(OWNER, "help")
            await server.told(token, "/routine")
            token = await server.slash(OWNER, "stop")
            await server.answer("Done: STOP")
            token = await server.slash(OWNER, "stop", channel=ELSEWHERE)
            await server.told(token, "do not listen in this channel")

    run(play())


def test_routines_and_tasks_for_later(tmp_path: Path) -> None:
    from enactor.agent.routines import routines

    async def play() -> None:
        async with playing(tmp_path) as (server, _):
            name = next(iter(routines()))
            token = await server.slash(OWNER, "routine", name=name[:3], typing="name")
            await server.told(token, name)
            await server.slash(OWNER, "routine", name=name, loops=1)
            await server.until(
                lambda: [t for t in TraceStore(tmp_path / "log").iterate() if "run_routine" in t.message]
            )
            token = await server.slash(OWNER, "when", condition="after:1h", command="GOTO east 5")
            await server.told(token, "Kept as 1")
            token = await server.slash(OWNER, "later")
            await server.told(token, "GOTO")
            token = await server.slash(OWNER, "later", cancel=1)
            await server.told(token, "Cancelled 1")
            token = await server.slash(OWNER, "when", condition="the moon is blue", command="GOTO east 5")
            await server.told(token, "cannot watch")

    run(play())


def test_accounts_by_name(tmp_path: Path) -> None:
    async def play() -> None:
        async with playing(tmp_path, names=("main", "alt")) as (server, service):
            await server.say(OWNER, "alt: GOTO east 5")
            await server.answer("Done: GOTO 3227")
            await server.say(OWNER, "GOTO east 5")
            await server.answer("Done: GOTO 3232")
            assert service.accounts["main"].observe().location == (3222, 3218, 0)

    run(play())


def test_answers_that_are_too_long_are_split(tmp_path: Path) -> None:
    async def play() -> None:
        engine = ScriptedEngine([f"{'x' * 24} " * 190])
        async with playing(tmp_path, engine) as (server, _):
            await server.say(OWNER, "tell me a story")
            await server.until(lambda: len(server.messages) == 3)
            texts = [message["content"] for message in server.messages.values()]
            assert all(len(text) <= 2000 for text in texts)
            assert " ".join(texts).split() == ["x" * 24] * 190

    run(play())


def test_a_restart_answers_where_it_was_asked(tmp_path: Path) -> None:
    async def play() -> None:
        engine = SlowEngine()
        async with playing(tmp_path, engine) as (server, _):
            await server.say(OWNER, "walk one")
            asked = await server.say(OWNER, "GOTO east 5")
            await server.answer("⏳ GOTO east 5")
        async with playing(tmp_path) as (server, _):
            answer = await server.answer("Done: GOTO 32", within_s=10)
            await server.until(
                lambda: [
                    m for m in server.messages.values() if m["reference"] == asked and "Done" in m["content"]
                ]
            )
            assert answer["channel_id"]

    run(play())


def test_nothing_of_the_token_is_kept(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    from discord_server import TOKEN

    async def play() -> None:
        async with playing(tmp_path) as (server, _):
            await server.say(OWNER, "walk")
            await server.answer("Done")
            await server.drop(1011)
            await server.until(lambda: server.resumed or server.identified > 1)

    run(play())
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    said = capfd.readouterr()
    assert TOKEN.encode() not in kept
    assert TOKEN not in said.out + said.err
    assert json.loads(next(iter((tmp_path / "log").glob("training_*.jsonl"))).read_text().splitlines()[0])
    assert asyncio
