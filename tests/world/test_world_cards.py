"""The commands offered to a request."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enactor.errors import EnactorError
from enactor.world import COMMANDS, TOOLS, card, offers
from enactor.world.cards import FOLDS, OFFERED, OFFERS_FILE, REPLY, fold_of, load_offers
from enactor.world.phrasebook import choices, templates


@pytest.mark.parametrize(
    ("message", "name"),
    [
        ("kill 300 giant frogs", "KILL_LOOP"),
        ("kil 300 giant frgos", "KILL_LOOP"),
        ("buy one bronze warhammer on the ge", "GE_BUY"),
        ("deposit everything in the bank", "BANK_DEPOSIT_ALL"),
        ("how much hp do i have", "get_game_state"),
        ("thanks mate", REPLY),
        ("chop some trees", "CHOP_TREE"),
    ],
)
def test_the_right_command_is_offered(message: str, name: str) -> None:
    assert name in offers().offer(message)


def test_a_training_row_is_offered_what_its_phrasing_did_not_teach() -> None:
    template = next(t for t in templates() if not t.held_out)
    every, own = (offers().shares(template.text, without=key) for key in (None, template.key))
    assert not np.array_equal(every, own)
    assert every.sum() == pytest.approx(1)
    assert own.sum() == pytest.approx(1)


def test_folds_are_of_like_size() -> None:
    sizes = Counter(fold_of(template.key) for template in templates())
    assert len(sizes) == FOLDS
    assert max(sizes.values()) < 1.1 * min(sizes.values())


def test_what_is_saved_is_read_back(tmp_path: Path) -> None:
    shipped = offers()
    shipped.save(tmp_path / "offers.npz")
    again = load_offers(tmp_path / "offers.npz")
    assert again.names == shipped.names
    assert again.phrasings == shipped.phrasings
    assert again.offer("kill 300 giant frogs") == shipped.offer("kill 300 giant frogs")


def test_a_torn_file_says_what_to_do(tmp_path: Path) -> None:
    torn = tmp_path / "offers.npz"
    torn.write_bytes(OFFERS_FILE.read_bytes()[:1000])
    with pytest.raises(EnactorError, match="enactor offers"):
        load_offers(torn)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=300))
def test_any_text_is_taken(message: str) -> None:
    offered = offers().offer(message)
    assert len(offered) == len(set(offered)) <= OFFERED
    assert all(name in COMMANDS or name in TOOLS or name == REPLY for name in offered)
    assert offered
    assert offered == offers().offer(message)


def test_cards_name_the_operands() -> None:
    assert card("KILL_LOOP") == "KILL_LOOP npc food kills"
    assert card("get_game_state") == "get_game_state fields"
    assert card(REPLY) == "reply"
    assert all(set(card(name)) & set("[]|") == set() for name in COMMANDS)


def test_choices_hold_every_word() -> None:
    assert choices("(go|walk) to (the|) bank") == ["go to the bank", "go to bank", "walk to the bank"]
