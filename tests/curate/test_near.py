"""MinHash against the similarity that it estimates."""

import random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from enactor.curate.near import PIECE, near_any, plain_text, repeats, signatures, similarity


def jaccard(one, other):
    """Of the sets of pieces, in plain Python."""
    sets = []
    for text in (one, other):
        data = f"  {plain_text(text)}  ".encode()
        sets.append({data[i : i + PIECE] for i in range(len(data) - PIECE + 1)})
    return len(sets[0] & sets[1]) / len(sets[0] | sets[1])


WORDS = [
    "kill",
    "go",
    "bank",
    "frog",
    "giant",
    "cow",
    "the",
    "my",
    "all",
    "withdraw",
    "please",
    "then",
    "tree",
]


def texts(n, seed=0):
    rng = random.Random(seed)
    return [" ".join(rng.choices(WORDS, k=rng.randint(3, 10))) for _ in range(n)]


def test_the_estimate_is_near_the_truth():
    one, other = texts(300, 1), texts(300, 2)
    other = [f"{a} {b.split()[0]}" if i % 2 else b for i, (a, b) in enumerate(zip(one, other, strict=True))]
    guess = similarity(signatures(one), signatures(other))
    truth = np.array([jaccard(a, b) for a, b in zip(one, other, strict=True)])
    assert abs(guess - truth).mean() < 0.05
    assert abs(guess - truth).max() < 0.25


@given(st.lists(st.text(max_size=40), max_size=20))
def test_any_text_has_a_signature_of_its_own_words_only(given_texts):
    whole = signatures(given_texts)
    assert whole.shape == (len(given_texts), 64)
    for text, row in zip(given_texts, whole, strict=True):
        assert (signatures([text])[0] == row).all()


def test_case_and_punctuation_do_not_count():
    one, other = signatures(["Kill 50 cows!"]), signatures(["kill  50 cows"])
    assert similarity(one, other)[0] == 1


def test_a_repeat_needs_the_same_answer():
    found = signatures(
        ["kill fifty of the cows", "Kill fifty of the cows.", "kill fifty of the cows", "stop"]
    )
    assert repeats(found, np.array([1, 1, 2, 3], np.uint64)).tolist() == [False, True, False, False]


def test_repeats_agree_with_the_plain_algorithm():
    found_texts = texts(400, 3) + [f"{t} pls" for t in texts(100, 3)]
    found = signatures(found_texts)
    gone = repeats(found, np.zeros(len(found), np.uint64))
    plain: list[bool] = []
    for j in range(len(found)):
        stays = [i for i in range(j) if not plain[i]]
        plain.append(bool(stays) and bool((similarity(found[[j] * len(stays)], found[stays]) >= 0.8).any()))
    assert gone.tolist() == plain


def test_what_is_near_the_other_side_is_found():
    train, test = texts(500, 4), texts(20, 5)
    hits = near_any(signatures([*test, train[7] + " now", train[9].upper()]), signatures(train))
    assert hits[-1]
    assert near_any(signatures([]), signatures(train)).tolist() == []
    assert not near_any(signatures(test), signatures([])).any()
