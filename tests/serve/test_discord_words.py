"""Text for Discord: splitting, escaping, what a message shows; the token; who may do what; the map."""

import logging
import os
import re
import struct
import zlib
from pathlib import Path

import pytest
from core_parts import START
from hypothesis import given
from hypothesis import strategies as st

from enactor.errors import EnactorError
from enactor.serve.core import Accepted, Caller, Finished, Progress, Session, Started
from enactor.serve.core.events import Timing
from enactor.serve.discord.panel import Place
from enactor.serve.discord.people import People
from enactor.serve.discord.picture import map_png
from enactor.serve.discord.shown import Shown
from enactor.serve.discord.token import VARIABLE, HideToken, find_token
from enactor.serve.discord.words import bar, code, escaped, length, span, split
from enactor.serve.played import Played
from enactor.sim import Simulator
from enactor.trace import Trace
from enactor.world import GameState

TEXT = st.text(st.characters(codec="utf-8"), max_size=6000)
SECRET = "MTA.a-secret-of-the-bot.x_y"


@given(TEXT)
def test_parts_fit_and_hold_everything(text: str) -> None:
    parts = split(text, 200)
    assert all(0 < length(part) <= 200 for part in parts)
    assert re.sub(r"\s|`", "", "".join(parts)) == re.sub(r"\s|`", "", text)


def test_a_cut_is_made_where_it_hurts_least() -> None:
    text = "one two three. " * 20 + "\n\n" + "four five six. " * 20
    first, second = split(text, 400)
    assert first.endswith("three.")
    assert second.startswith("four")
    parts = split("```py\n" + "x = 1\n" * 100 + "```", 200)
    assert all(part.startswith("```py\n") and part.endswith("```") for part in parts)


@given(st.text(st.characters(codec="utf-8"), max_size=300))
def test_words_of_others_are_no_markup(text: str) -> None:
    shown = escaped(text)
    assert not re.search(r"(?<!\\)(?:\\\\)*[*_~`|<]", shown)
    assert "://" not in shown
    assert "\n" not in code(text)


def test_figures_for_people() -> None:
    assert bar(3, 12) == "▰▰▰▱▱▱▱▱▱▱▱▱ 3/12"
    assert bar(50, 12).startswith("▰" * 12)
    assert [span(s) for s in (4, 200, 7500)] == ["4 s", "3 min 20 s", "2 h 5 min"]


def test_a_message_shows_where_a_request_stands() -> None:
    told = ("r", Session("discord", "main", "1"), "1/2/0")
    shown = Shown()
    shown.take(Accepted(*told, "kill *cows*", 2))
    assert shown.text() == r"⏳ kill \*cows\* (2 before it)"
    assert shown.buttons("r") == (("cancel", "r"),)
    shown.take(Started(*told, "kill *cows*"))
    shown.take(Progress(*told, "KILL_LOOP Cow none 12", 80.0, 3, 12, ("attack +40 xp",)))
    assert "▰▰▰▱▱▱▱▱▱▱▱▱ 3/12 · 1 min 20 s\nattack +40 xp" in shown.text()
    trace = Trace("kill *cows*", "Done: it", "executed", "executed")
    shown.take(Finished(*told, Played(trace, ("+1 Cowhide",)), "h1:x", Timing(0, 0, 0, 0, 0)))
    assert shown.text() == "✅ Done: it\n+1 Cowhide"
    assert shown.over
    assert [what for what, _ in shown.buttons("r")] == ["up", "down", "fix"]


@given(st.text(max_size=30))
def test_places_are_read_or_refused(text: str) -> None:
    found = Place.read(text)
    assert found is None or str(found) == text or found == Place.read(str(found))
    assert Place.read(str(Place(1, 2, 3))) == Place(1, 2, 3)


@given(st.text(max_size=20), st.frozensets(st.text(max_size=5)))
def test_nobody_but_the_named_may_act(player: str, roles: frozenset[str]) -> None:
    people = People("owner-id", ("user-id",), ("role-id",), ("watcher-id",))
    assert people.access(Caller("discord", player, "", roles), "main") == "none"
    assert People().access(Caller("discord", "", "", roles), "main") == "none"
    assert people.access(Caller("discord", "x", "", roles | {"role-id"}), "main") == "act"
    assert people.access(Caller("discord", "watcher-id"), "main") == "look"


def test_the_token_comes_from_the_environment_or_a_private_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(EnactorError, match=VARIABLE):
        find_token(None)
    monkeypatch.setenv(VARIABLE, SECRET)
    token = find_token(None)
    assert token.reveal() == SECRET
    assert VARIABLE not in os.environ
    assert SECRET not in f"{token!r} {token}"
    file = tmp_path / "token"
    file.write_text(SECRET + "\n")
    file.chmod(0o644)
    if os.name == "posix":
        with pytest.raises(EnactorError, match="chmod 600"):
            find_token(file)
    file.chmod(0o600)
    assert find_token(file).reveal() == SECRET
    file.write_text("not a token at all")
    with pytest.raises(EnactorError, match="developer portal"):
        find_token(file)


def test_the_log_never_has_the_token(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, SECRET)
    hide = HideToken(find_token(None))
    try:
        raise ValueError(f"Bot {SECRET}")
    except ValueError:
        import sys

        record = logging.LogRecord("x", logging.ERROR, "f", 1, "sent %s", (SECRET,), sys.exc_info())
    assert hide.filter(record)
    assert SECRET not in logging.Formatter().format(record)


def test_the_map_is_a_png_of_what_is_near() -> None:
    data = map_png(GameState.from_plugin(Simulator(start=START).observe()))
    assert data is not None
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", data[16:24])
    assert (width, height) == (372, 372)
    start = data.index(b"IDAT") + 4
    size = struct.unpack(">I", data[start - 8 : start - 4])[0]
    assert len(zlib.decompress(data[start : start + size])) == height * (1 + 3 * width)
    assert map_png(GameState.from_case({})) is None
