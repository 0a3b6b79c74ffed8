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
Places = NDArray[np.int64]
_ROWS = MINIMA // BANDS
_CHUNK = 1 << 14  # pairs compared at once
_BATCH = 4096  # texts signed at once


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


class Sketches:
    """Signatures of texts as they come, in one array that grows where it lies: 256 bytes a text and little
    more, also while it grows."""

    def __init__(self) -> None:
        self._rows = np.empty((0, MINIMA), np.uint32)
        self._used = 0
        self._texts: list[str] = []

    def add(self, text: str) -> None:
        """One more text, at the end."""
        self._texts.append(text)
        if len(self._texts) == _BATCH:
            self._sign()

    def rows(self) -> Signatures:
        """All signatures so far, as a view that holds until the next `add`."""
        self._sign()
        return self._rows[: self._used]

    def _sign(self) -> None:
        if not self._texts:
            return
        end = self._used + len(self._texts)
        if end > len(self._rows):
            grown = np.empty((0, MINIMA), np.uint32)
            self._rows, grown = grown, self._rows  # no other name may hold what is resized
            grown.resize((max(end, len(grown) * 9 // 8 + _BATCH), MINIMA), refcheck=False)
            self._rows = grown
        self._rows[self._used : end] = signatures(self._texts)
        self._used = end
        self._texts = []


def repeats(
    found: Signatures, keys: NDArray[np.uint64], threshold: float = THRESHOLD, at: Places | None = None
) -> NDArray[np.bool_]:
    """Which rows repeat an earlier row that stays: equal `keys` (what the row does) and similarity at or
    above `threshold`. A row near a repeat, but near no row that stays, stays. Only the rows at the places
    `at` are looked at (ascending; all without); the answer has one entry for each of them, `keys` has one for
    each of `found`."""
    at = np.arange(len(found)) if at is None else at
    gone = np.ones(len(found), np.bool_)
    gone[_first_of_equals(found, keys, at)] = False
    pairs = np.empty(0, np.uint64)  # later row and earlier row in a word, so that a pair has eight bytes
    for left, right in _candidates(found, keys, at[~gone[at]]):
        near = np.zeros(len(left), np.bool_)
        for begin in range(0, len(left), _CHUNK):
            part = slice(begin, begin + _CHUNK)
            near[part] = similarity(found[left[part]], found[right[part]]) >= threshold
        words = right[near].astype(np.uint64) << np.uint64(32) | left[near].astype(np.uint64)
        pairs = np.union1d(pairs, words)
    for begin in range(0, len(pairs), _CHUNK):
        for word in pairs[begin : begin + _CHUNK].tolist():  # by the later row, then by the earlier
            later, earlier = word >> 32, word & 0xFFFFFFFF
            if not gone[earlier]:
                gone[later] = True
    chosen: NDArray[np.bool_] = gone[at]
    return chosen


def near_any(
    found: Signatures,
    others: Signatures,
    threshold: float = THRESHOLD,
    at: Places | None = None,
    among: Places | None = None,
) -> NDArray[np.bool_]:
    """Which rows of `found` (at the places `at`) have a row of `others` (among the places `among`) at or
    above `threshold`."""
    at = np.arange(len(found)) if at is None else at
    among = np.arange(len(others)) if among is None else among
    hit = np.zeros(len(at), np.bool_)
    if not len(at) or not len(among):
        return hit
    among = _first_of_equals(others, np.zeros(len(others), np.uint64), among)
    for band in range(BANDS):
        mine, theirs = _band(found, band, at), _band(others, band, among)
        order = np.argsort(theirs, kind="stable")
        ordered = theirs[order]
        low = np.searchsorted(ordered, mine, "left")
        high = np.searchsorted(ordered, mine, "right")
        open_ = np.flatnonzero((high > low) & ~hit)
        step = 0
        while len(open_):
            partner = among[order[low[open_] + step]]
            for begin in range(0, len(open_), _CHUNK):
                part = open_[begin : begin + _CHUNK]
                alike = similarity(found[at[part]], others[partner[begin : begin + _CHUNK]])
                hit[part] |= alike >= threshold
            step += 1
            open_ = open_[~hit[open_] & (low[open_] + step < high[open_])]
    return hit


def _first_of_equals(found: Signatures, keys: NDArray[np.uint64], at: Places) -> Places:
    """The first of each that has an equal key and an equal signature, ascending."""
    words = keys[at]
    for band in range(BANDS):
        words = (words ^ _band(found, band, at)) * np.uint64(0x9E3779B97F4A7C15)
        words ^= words >> np.uint64(31)
    first: Places = at[np.sort(np.unique(words, return_index=True)[1])]
    return first


def _candidates(found: Signatures, keys: NDArray[np.uint64], at: Places) -> Iterator[tuple[Places, Places]]:
    """Places (earlier, later) of equal key that meet in a band. In a bucket each row is paired with the first
    and with its neighbours up to a distance of 4."""
    for band in range(BANDS):
        bucket = _band(found, band, at) ^ (keys[at] * np.uint64(0x9E3779B97F4A7C15))
        order = np.argsort(bucket, kind="stable")
        ordered = bucket[order]
        order = at[order]
        same = ordered[1:] == ordered[:-1]
        new = np.concatenate(([True], ~same)) if len(ordered) else same
        heads = np.flatnonzero(new)
        rest = np.flatnonzero(~new)
        yield order[heads[np.searchsorted(heads, rest, "right") - 1]], order[rest]
        for distance in range(1, 5):
            same = np.flatnonzero(ordered[distance:] == ordered[:-distance])
            if not len(same):
                break
            yield order[same], order[same + distance]


def _band(found: Signatures, band: int, at: Places) -> NDArray[np.uint64]:
    """One 64-bit word for the minima of a band, for each place."""
    mixed = np.full(len(at), band + 1, np.uint64)
    for column in range(band * _ROWS, (band + 1) * _ROWS):
        mixed = (mixed ^ found[at, column]) * np.uint64(0x100000001B3)
        mixed ^= mixed >> np.uint64(29)
    return mixed
