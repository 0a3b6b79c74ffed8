"""Fitting the offered commands."""

import numpy as np
import pytest

from enactor.train.offers import (
    OffersRecipe,
    called,
    fit_offers,
    phrasings_hash,
    training_phrasings,
)
from enactor.world import offers
from enactor.world.cards import REPLY
from enactor.world.phrasebook import templates


def test_the_shipped_layers_were_fitted_to_the_training_phrasings() -> None:
    assert offers().phrasings == phrasings_hash(training_phrasings()), "run `enactor offers`"


@pytest.mark.train
def test_a_fit_learns_its_phrasings_and_repeats() -> None:
    found = [t for t in templates() if t.group.family in ("banking", "woodcutting") and not t.held_out][:400]
    one, two = (fit_offers(found, OffersRecipe(fillings=1)) for _ in range(2))
    np.testing.assert_array_equal(one.tables, two.tables)
    right = [set(called(template)) <= set(one.offer(template.text)) for template in found]
    assert sum(right) > 0.9 * len(right)


def test_a_phrasing_without_a_call_is_answered() -> None:
    chat = next(template for template in templates() if template.group.kind == "chat")
    assert called(chat) == (REPLY,)
