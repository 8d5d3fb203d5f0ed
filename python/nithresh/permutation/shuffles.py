"""Which shuffles of the images there are, and the one of each number.

Shuffle 0 is the identity. Shuffle i depends on the seed and on i alone, so that blocks,
threads, workers and a run that goes on where another stopped all see the same ones. No
two are the same as far as the statistic can tell: to exchange two images with equal
rows of the design is no new shuffle, and to flip all signs only turns the map around.
So the first sign is never flipped, and who needs the map of the opposite signs has it
from the same pass. The sign of an image whose row is zero says nothing.

Where few exist, each has a rank, and the numbers are the ranks in an order that the
seed decides. Where more than 2^63 exist, each is drawn from a stream of its own; the
chance that 100 000 of them hold one twice is then below 10^-9.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Kind: TypeAlias = Literal["signs", "labels", "both"]

# More shuffles than this have no rank.
_MOST_RANKED = 1 << 63
_ROUNDS = 6


class Shuffle(NamedTuple):
    """A shuffle: observation ``order[n]`` takes the place of n, times ``signs[n]``."""

    order: NDArray[np.intp]
    signs: NDArray[np.int8]


@dataclass(frozen=True, eq=False)
class Shuffles:
    """All shuffles of a kind that a model can tell apart.

    Attributes
    ----------
    kind : "signs", "labels" or "both"
        Signs are flipped, images change places, or both.
    rows : numpy.ndarray of shape (observations, columns)
        What the model says of each image.
    seed : int
    within : numpy.ndarray of int, optional
        The block of each image; images change places within their block alone.
    whole : numpy.ndarray of int, optional
        The block of each image; blocks change places, or signs, as wholes.
    """

    kind: Kind
    rows: NDArray[np.float64]
    seed: int
    within: NDArray[np.intp] | None = None
    whole: NDArray[np.intp] | None = None
    _units: list[NDArray[np.intp]] = field(init=False)

    def __post_init__(self) -> None:
        """Find what changes place or sign as one."""
        count = len(self.rows)
        if self.whole is None:
            units = [np.array([number]) for number in range(count)]
        else:
            units = [
                np.flatnonzero(self.whole == block) for block in np.unique(self.whole)
            ]
            units.sort(key=lambda unit: int(unit[0]))
        object.__setattr__(self, "_units", units)

    @cached_property
    def total(self) -> int:
        """How many there are, the identity included."""
        signs = 1 << len(self._flipping[1:])
        return signs * math.prod(group.total for group in self._groups)

    @cached_property
    def _flipping(self) -> list[int]:
        """The units whose sign says something: those with a row that is not zero."""
        if self.kind == "labels":
            return []
        return [
            number for number, unit in enumerate(self._units) if self.rows[unit].any()
        ]

    @cached_property
    def _groups(self) -> list[_Arrangements]:
        """The units that change places with one another."""
        if self.kind == "signs":
            return []
        if self.within is None:
            blocks = [list(range(len(self._units)))]
        else:
            blocks = [
                np.flatnonzero(self.within == block).tolist()
                for block in np.unique(self.within)
            ]
        return [
            _Arrangements(members, [self._type(unit) for unit in members])
            for members in blocks
        ]

    def _type(self, number: int) -> bytes:
        """Return what the model says of a unit, up to signs that are flipped."""
        rows = self.rows[self._units[number]]
        if self.kind == "both" and rows.any():
            rows = rows * np.sign(rows[rows != 0][0]) + 0.0
        return rows.tobytes()

    def shuffle(self, number: int) -> Shuffle:
        """Return the shuffle of a number from 0 to `total` - 1; 0 is the identity."""
        if number and self.total > _MOST_RANKED:
            return self._drawn(number)
        return self._ranked(_scattered(number, self.total, self.seed))

    def _ranked(self, rank: int) -> Shuffle:
        # The last bits are signs, so that rank 0 is the identity whatever the kind.
        flips = np.zeros(len(self._units), bool)
        for unit in self._flipping[1:]:
            rank, flips[unit] = rank >> 1, rank & 1
        sources = np.arange(len(self._units))
        for group in self._groups:
            rank, own = divmod(rank, group.total)
            sources[group.arrangement(own)] = group.members
        return self._of_units(sources, flips)

    def _drawn(self, number: int) -> Shuffle:
        key = hashlib.blake2b(f"{self.seed} {number}".encode(), digest_size=16).digest()
        stream: Any = np.random.Philox(key=int.from_bytes(key, "little"))
        count = len(self._units)
        flips = np.zeros(count, bool)
        if self._flipping:
            own = self._flipping
            flips[own] = stream.random_raw(len(own)) >> np.uint64(63) == 1
            flips[own] ^= flips[own[0]]
        sources = np.arange(count)
        for group in self._groups:
            members = np.array(group.members)
            order = np.argsort(stream.random_raw(len(members)), kind="stable")
            sources[members] = members[order]
        return self._of_units(sources, flips)

    def _of_units(self, sources: NDArray[np.intp], flips: NDArray[np.bool_]) -> Shuffle:
        order = np.empty(len(self.rows), np.intp)
        signs = np.ones(len(self.rows), np.int8)
        for unit, source, flip in zip(self._units, sources, flips, strict=True):
            order[unit] = self._units[source]
            signs[unit] = -1 if flip else 1
        return Shuffle(order, signs)


class _Arrangements:
    """The ways in which units of a few types can stand in a row, by rank.

    Rank 0 is how they stand; the others follow in lexicographic order, and the ones
    before it come last.
    """

    def __init__(self, members: list[int], types: list[bytes]) -> None:
        self.members = members
        known = {kind: number for number, kind in enumerate(dict.fromkeys(types))}
        self._types = [known[kind] for kind in types]
        self._counts = Counter(self._types)
        self.total = _arrangements(list(self._counts.values()))

    def arrangement(self, rank: int) -> list[int]:
        """Return the place that each member goes to: that of a member of some type."""
        rank = (rank + self._own_rank) % self.total
        left = dict(self._counts)
        total = self.total
        waiting: dict[int, list[int]] = {kind: [] for kind in left}
        for member, kind in zip(self.members, self._types, strict=True):
            waiting[kind].append(member)
        kinds = []
        for length in range(len(self.members), 0, -1):
            share, chosen = 0, -1
            for kind, count in left.items():
                share, chosen = total * count // length, kind
                if rank < share:
                    break
                rank -= share
            kinds.append(chosen)
            total, left[chosen] = share, left[chosen] - 1
        return [waiting[kind].pop(0) for kind in kinds]

    @cached_property
    def _own_rank(self) -> int:
        left, total, rank = dict(self._counts), self.total, 0
        for length, own in zip(
            range(len(self.members), 0, -1), self._types, strict=False
        ):
            for kind, count in left.items():
                share = total * count // length
                if kind == own:
                    break
                rank += share
            total, left[own] = share, left[own] - 1
        return rank


def _arrangements(counts: list[int]) -> int:
    """Return in how many orders units can stand of which so many are alike."""
    total, length = 1, 0
    for count in counts:
        length += count
        total *= math.comb(length, count)
    return total


def _scattered(number: int, total: int, seed: int) -> int:
    """Return a number below `total`: another one for each, and 0 for 0.

    A Feistel network over the bits of the numbers permutes them; what falls outside is
    sent through again until it falls inside (Black and Rogaway 2002).
    """
    if number == 0 or total <= 2:
        return number
    half = ((total - 2).bit_length() + 1) // 2
    mask = (1 << half) - 1
    value = number - 1
    while True:
        left, right = value >> half, value & mask
        for turn in range(_ROUNDS):
            text = f"{seed} {total} {turn} {right}".encode()
            digest = hashlib.blake2b(text, digest_size=8).digest()
            left, right = right, left ^ (int.from_bytes(digest, "little") & mask)
        value = left << half | right
        if value < total - 1:
            return value + 1
