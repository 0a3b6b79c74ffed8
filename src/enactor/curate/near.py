"""Near-duplicates by MinHash (Broder 1997), in numpy over whole batches.

A text is the set of its overlapping four-byte pieces, case and spacing evened out. Four bytes are one 32-bit
word, so a piece needs no hashing of its own, and a permutation is a multiply-shift of the words of thousands
of texts at once. That is why this is not `datasketch`: it hashes piece by piece in Python (a twentieth of the
speed here) and its index keeps Python objects, some kilobytes a text, where a data set may use one in all.

A signature has 64 minima, 32 bits each; the share of equal minima estimates the Jaccard similarity of two
sets with a standard error of at most 0.0625. Candidates are found by 16 bands of 4 minima (Leskovec,
Rajaraman, Ullman, "Mining of Massive Datasets", 3.4): a pair of similarity s meets in one with probability
1 - (1 - s^4)^16, 0.9998 at 0.8. What counts is decided on the signatures, not on the bands.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

MINIMA = 64
BANDS = 16
PIECE = 4
THRESHOLD = 0.8
"""Similarity from which two requests count as nearly the same."""

Signatures = NDArray[np.uint32]
_ROWS = MINIMA // BANDS
_CHUNK = 1 << 16  # pairs compared at once


def _multipliers() -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    rng = np.random.default_rng(20260101)
    odd = rng.integers(0, 1 << 63, MINIMA, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    return odd, rng.integers(0, 1 << 63, MINIMA, dtype=np.uint64)


_FACTOR, _OFFSET = _multipliers()


def plain_text(text: str) -> str:
    """What is compared: lower case, punctuation at the ends of words and doubled spaces gone."""
    words = (word.strip(".,!?;:'\"()") for word in text.casefold().split())
    return " ".join(word for word in words if word)


def signatures(texts: Sequence[str]) -> Signatures:
    """One row of `MINIMA` for each text: [len(texts), 64] uint32. An empty text has a row of its own kind."""
    out = np.empty((len(texts), MINIMA), np.uint32)
    if not texts:
        return out
    # A frame of spaces lets the first and the last word count, and gives short texts a piece.
    padded = [f"  {plain_text(text)}  ".encode() for text in texts]
    lengths = np.fromiter((len(p) for p in padded), np.int64, len(padded))
    raw = np.frombuffer(b"".join(padded), np.uint8).astype(np.uint32)
    words = raw[:-3] | raw[1:-2] << 8 | raw[2:-1] << 16 | raw[3:] << 24
    ends = np.cumsum(lengths)
    starts = ends - lengths
    # The pieces that reach over the end of a text belong to none: they repeat its first piece instead.
    counts = lengths - (PIECE - 1)
    piece_starts = np.concatenate(([0], np.cumsum(counts)[:-1]))
    owner_shift = np.repeat(starts - piece_starts, counts)
    pieces = words[np.arange(int(counts.sum())) + owner_shift].astype(np.uint64)
    for k in range(MINIMA):
        mixed = (pieces * _FACTOR[k] + _OFFSET[k]) >> np.uint64(32)
        out[:, k] = np.minimum.reduceat(mixed, piece_starts).astype(np.uint32)
    return out


def similarity(one: Signatures, other: Signatures) -> NDArray[np.float64]:
    """Estimated Jaccard similarity of the rows of two equally long arrays."""
    equal: NDArray[np.float64] = (one == other).mean(axis=1)
    return equal


def repeats(found: Signatures, keys: NDArray[np.uint64], threshold: float = THRESHOLD) -> NDArray[np.bool_]:
    """Which rows repeat an earlier row that stays: equal `keys` (what the row does) and similarity at or
    above `threshold`. A row near a repeat, but near no row that stays, stays."""
    gone = np.ones(len(found), np.bool_)
    gone[_first_of_equals(found, keys)] = False
    left_over = np.flatnonzero(~gone)
    few = found[left_over]
    pairs = np.empty(0, np.uint64)  # later row and earlier row in a word, so that a pair has eight bytes
    for left, right in _candidates(few, keys[left_over]):
        near = _near(few, left, few, right, threshold)
        words = right[near].astype(np.uint64) << np.uint64(32) | left[near].astype(np.uint64)
        pairs = np.union1d(pairs, words)
    for word in pairs.tolist():  # by the later row, then by the earlier
        j, i = word >> 32, word & 0xFFFFFFFF
        if not gone[left_over[i]]:
            gone[left_over[j]] = True
    return gone


def _first_of_equals(found: Signatures, keys: NDArray[np.uint64]) -> NDArray[np.int64]:
    """The first row of each that has an equal key and an equal signature."""
    words = keys.copy()
    for band in range(BANDS):
        words = (words ^ _band(found, band)) * np.uint64(0x9E3779B97F4A7C15)
        words ^= words >> np.uint64(31)
    return np.unique(words, return_index=True)[1]


def near_any(found: Signatures, others: Signatures, threshold: float = THRESHOLD) -> NDArray[np.bool_]:
    """Which rows of `found` have a row of `others` at or above `threshold`."""
    hit = np.zeros(len(found), np.bool_)
    if not len(found) or not len(others):
        return hit
    others = np.unique(others, axis=0)
    for band in range(BANDS):
        mine, theirs = _band(found, band), _band(others, band)
        order = np.argsort(theirs, kind="stable")
        ordered = theirs[order]
        low = np.searchsorted(ordered, mine, "left")
        high = np.searchsorted(ordered, mine, "right")
        open_ = np.flatnonzero((high > low) & ~hit)
        step = 0
        while len(open_):
            partner = order[low[open_] + step]
            for at in range(0, len(open_), _CHUNK):
                part = open_[at : at + _CHUNK]
                hit[part] |= similarity(found[part], others[partner[at : at + _CHUNK]]) >= threshold
            step += 1
            open_ = open_[~hit[open_] & (low[open_] + step < high[open_])]
    return hit


def _candidates(
    found: Signatures, keys: NDArray[np.uint64]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Pairs (earlier, later) of equal key that meet in a band. In a bucket each row is paired with the first
    and with its neighbours up to a distance of 4."""
    for band in range(BANDS):
        bucket = _band(found, band) ^ (keys * np.uint64(0x9E3779B97F4A7C15))
        order = np.argsort(bucket, kind="stable").astype(np.int64)
        ordered = bucket[order]
        new = np.concatenate(([True], ordered[1:] != ordered[:-1])) if len(ordered) else np.zeros(0, np.bool_)
        heads = np.flatnonzero(new)
        head_of = heads[np.cumsum(new) - 1] if len(heads) else heads
        position = np.arange(len(ordered))
        rest = position[position > head_of]
        yield order[head_of[rest]], order[rest]
        for distance in range(1, 5):
            same = np.flatnonzero(ordered[distance:] == ordered[:-distance])
            if not len(same):
                break
            yield order[same], order[same + distance]


def _near(
    one: Signatures,
    left: NDArray[np.int64],
    other: Signatures,
    right: NDArray[np.int64],
    threshold: float,
) -> NDArray[np.bool_]:
    near = np.zeros(len(left), np.bool_)
    for at in range(0, len(left), _CHUNK):
        part = slice(at, at + _CHUNK)
        near[part] = similarity(one[left[part]], other[right[part]]) >= threshold
    return near


def _band(found: Signatures, band: int) -> NDArray[np.uint64]:
    """One 64-bit word for the minima of a band."""
    columns = found[:, band * _ROWS : (band + 1) * _ROWS].astype(np.uint64)
    mixed = np.full(len(found), band + 1, np.uint64)
    for column in columns.T:
        mixed = (mixed ^ column) * np.uint64(0x100000001B3)
        mixed ^= mixed >> np.uint64(29)
    return mixed
