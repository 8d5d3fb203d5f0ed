"""Which voxels can be tested, and what the nuisance leaves of them."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nithresh._params import warn
from nithresh.permutation.design import Design, in_own_units
from nithresh.permutation.mapped import MappedRows

# How many numbers are worked on at a time; more of them where each row is read anew.
_NUMBERS, _NUMBERS_OF_FILE = 1 << 20, 1 << 23
# A residual that is smaller than this share of its voxel's values is rounding: of
# values in float16 and float32, and in all other types.
_ROUNDING, _ROUNDING_OF_DOUBLES = 1e-6, 1e-13
# Sums of squares of values between these neither overflow nor vanish.
_SMALL, _LARGE = 1e-100, 1e100


@dataclass(frozen=True, eq=False)
class Observations:
    """Values of voxels, and which of them can be tested.

    Attributes
    ----------
    values : numpy.ndarray or MappedRows of shape (observations, voxels)
        Those in the mask, in C order.
    design : Design
    tested : numpy.ndarray of bool, shape (voxels,)
    lengths : numpy.ndarray of float64, shape (voxels,)
        The length of what the nuisance leaves of each voxel.
    """

    values: NDArray[Any] | MappedRows
    design: Design
    tested: NDArray[np.bool_]
    lengths: NDArray[np.float64]
    # Its own, so that a fork leaves no lock held that others would wait for.
    _alone: threading.Lock = field(default_factory=threading.Lock, init=False)

    @property
    def is_mapped(self) -> bool:
        """Whether the values stay in their file."""
        return isinstance(self.values, MappedRows)

    @property
    def voxels(self) -> int:
        """How many voxels are tested."""
        return int(self.tested.sum())

    def parts(self) -> list[slice]:
        """Cut the tested voxels into parts that fit into memory."""
        if not self.is_mapped:
            return [slice(0, self.voxels)]
        edges = np.cumsum([0, *(self.tested[part].sum() for part in self._columns)])
        return [slice(*map(int, pair)) for pair in pairwise(edges)]

    def residuals(self, number: int) -> NDArray[np.float32]:
        """Return what the nuisance leaves of the voxels of a part, with length 1.

        Returns
        -------
        numpy.ndarray of float32, shape (observations, voxels)
        """
        # One thread at a time: what is made on the way takes several times the memory.
        with self._alone:
            if self.is_mapped:
                return self._residuals(self._columns[number])
            return self._whole

    @property
    def _columns(self) -> list[slice]:
        return list(_parts(self.values))

    @cached_property
    def _whole(self) -> NDArray[np.float32]:
        whole = np.empty((len(self.values), self.voxels), np.float32)
        start = 0
        for columns in self._columns:
            some = self._residuals(columns)
            whole[:, start : start + some.shape[1]] = some
            start += some.shape[1]
        return whole

    def _residuals(self, columns: slice) -> NDArray[np.float32]:
        tested, values = self.tested[columns], self.values[:, columns]
        if not tested.all():
            values = values[:, tested]
        left = _in_moderate_units(values)
        _remove_nuisance(left, self.design)
        left *= 1 / self.lengths[columns][tested]
        return left.astype(np.float32)

    @cached_property
    def checksum(self) -> str:
        """The SHA-256 of the values and of which are tested."""
        sha = hashlib.sha256(f"{self.values.shape} {self.values.dtype}".encode())
        for row in self.values:
            sha.update(np.ascontiguousarray(row).data)
        sha.update(self.tested.tobytes())
        return sha.hexdigest()

    def __reduce__(self) -> Any:
        """Say what to pickle: nothing that is made of the rest."""
        return Observations, (self.values, self.design, self.tested, self.lengths)


def observe(values: NDArray[Any] | MappedRows, design: Design) -> Observations:
    """Find the voxels that can be tested, and warn of those that cannot.

    Raises
    ------
    ValueError
        There is none.
    """
    count = values.shape[1]
    constant, infinite = np.empty(count, bool), np.empty(count, bool)
    lengths = np.empty(count)
    is_single = values.dtype.kind == "f" and values.dtype.itemsize <= 4
    rounding = _ROUNDING if is_single else _ROUNDING_OF_DOUBLES
    for part in _parts(values):
        some = values[:, part]
        infinite[part] = ~np.isfinite(some).all(axis=0)
        if infinite[part].any():
            some = np.where(infinite[part], 0, some)
        left = _in_moderate_units(some)
        scale = np.sqrt(_sum_of_squares(left))
        _remove_nuisance(left, design)
        lengths[part] = np.sqrt(_sum_of_squares(left))
        # What no shuffle can tell of: equal values, and values that the nuisance or the
        # whole model explains without an error.
        error = lengths[part] ** 2
        for row in design.effect:
            error -= _along(row, left) ** 2
        constant[part] = (
            (some == some[0]).all(axis=0)
            | (lengths[part] <= rounding * scale)
            | (error <= (rounding * scale) ** 2)
        )
    constant &= ~infinite
    tested = ~(constant | infinite)
    counts = [
        f"{int(flags.sum())} {words}"
        for flags, words in (
            (constant, "are constant, or the design fits them without an error"),
            (infinite, "have a value that is not finite"),
        )
        if flags.any()
    ]
    if not tested.any():
        msg = f"no voxel of the mask can be tested: of {count}, {' and '.join(counts)}"
        raise ValueError(msg)
    if counts:
        warn(
            f"{int((~tested).sum())} of the {count} voxels in the mask cannot be "
            f"tested and leave it: {' and '.join(counts)}."
        )
    return Observations(values, design, tested, lengths)


def _in_moderate_units(values: NDArray[Any]) -> NDArray[np.float64]:
    """Copy finite values to double precision, very large and very small ones rescaled.

    No statistic of a voxel depends on its units.
    """
    double = np.array(values, np.float64, order="C")
    largest = np.maximum(double.max(axis=0), -double.min(axis=0))
    extreme = ((largest < _SMALL) & (largest > 0)) | (largest > _LARGE)
    if extreme.any():
        double[:, extreme], _ = in_own_units(double[:, extreme])
    return double


def _remove_nuisance(left: NDArray[np.float64], design: Design) -> None:
    # Twice: the first leaves rounding where the nuisance is most of a voxel.
    for _ in range(2):
        for row in design.nuisance:
            left -= row[:, np.newaxis] * _along(row, left)


# Sums over images, one image after the other: how many voxels are beside one another
# must not decide about the last bit, as it does in BLAS.


def _along(row: NDArray[np.float64], left: NDArray[np.float64]) -> NDArray[np.float64]:
    total = np.zeros(left.shape[1])
    for weight, values in zip(row, left, strict=True):
        total += weight * values
    return total


def _sum_of_squares(left: NDArray[np.float64]) -> NDArray[np.float64]:
    total = np.zeros(left.shape[1])
    for values in left:
        total += values * values
    return total


def _parts(values: NDArray[Any] | MappedRows) -> Iterator[slice]:
    numbers = _NUMBERS_OF_FILE if isinstance(values, MappedRows) else _NUMBERS
    step = max(1, numbers // len(values))
    for start in range(0, values.shape[1], step):
        yield slice(start, min(start + step, values.shape[1]))
