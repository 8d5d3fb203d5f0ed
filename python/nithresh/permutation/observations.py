"""Which voxels can be tested, and what the nuisance leaves of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nithresh._params import warn
from nithresh.permutation.design import Design
from nithresh.permutation.mapped import MappedRows

# How many numbers are worked on at a time; more of them where each row is read anew.
_NUMBERS, _NUMBERS_OF_FILE = 1 << 20, 1 << 23
# A residual that is smaller than this share of its voxel's values is rounding.
_ROUNDING = 1e-6


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

    @property
    def is_mapped(self) -> bool:
        """Whether the values stay in their file."""
        return isinstance(self.values, MappedRows)

    @property
    def voxels(self) -> int:
        """How many voxels are tested."""
        return int(self.tested.sum())

    def residuals(self) -> Iterator[tuple[slice, NDArray[np.float32]]]:
        """Yield what the nuisance leaves of each tested voxel, with length 1, in parts.

        Yields
        ------
        slice
            Where these voxels lie among the tested ones.
        numpy.ndarray of float32, shape (observations, voxels)
        """
        if not self.is_mapped:
            yield slice(0, self.voxels), self._whole
            return
        yield from self._parts()

    @cached_property
    def _whole(self) -> NDArray[np.float32]:
        whole = np.empty((len(self.values), self.voxels), np.float32)
        for part, residuals in self._parts():
            whole[:, part] = residuals
        return whole

    def _parts(self) -> Iterator[tuple[slice, NDArray[np.float32]]]:
        start = 0
        for part in _parts(self.values):
            tested = self.tested[part]
            values = self.values[:, part]
            if not tested.all():
                values = values[:, tested]
            left = _residuals(values, self.design)
            left *= 1 / self.lengths[part][tested]
            stop = start + left.shape[1]
            yield slice(start, stop), left.astype(np.float32)
            start = stop

    @cached_property
    def checksum(self) -> str:
        """The SHA-256 of the values and of which are tested."""
        sha = hashlib.sha256(f"{self.values.shape} {self.values.dtype}".encode())
        for row in self.values:
            sha.update(np.ascontiguousarray(row).data)
        sha.update(self.tested.tobytes())
        return sha.hexdigest()

    def __getstate__(self) -> dict[str, Any]:
        """Say what to pickle: nothing that is made of the rest."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


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
    for part in _parts(values):
        some = values[:, part]
        infinite[part] = ~np.isfinite(some).all(axis=0)
        if infinite[part].any():
            some = np.where(infinite[part], 0, some)
        left = _residuals(some, design)
        lengths[part] = np.linalg.norm(left, axis=0)
        # What no shuffle can tell of: equal values, and values that the nuisance or the
        # whole model explains without an error.
        explained = design.effect @ left
        error = lengths[part] ** 2 - (explained**2).sum(axis=0)
        scale = np.linalg.norm(some.astype(np.float64), axis=0)
        constant[part] = (
            (some == some[0]).all(axis=0)
            | (lengths[part] <= _ROUNDING * scale)
            | (error <= (_ROUNDING * scale) ** 2)
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


def _residuals(values: NDArray[Any], design: Design) -> NDArray[np.float64]:
    left: NDArray[np.float64] = values.astype(np.float64)
    # Twice: the first leaves rounding where the nuisance is most of a voxel.
    for _ in range(2 if len(design.nuisance) else 0):
        left -= design.nuisance.T @ (design.nuisance @ left)
    return left


def _parts(values: NDArray[Any] | MappedRows) -> Iterator[slice]:
    numbers = _NUMBERS_OF_FILE if isinstance(values, MappedRows) else _NUMBERS
    step = max(1, numbers // len(values))
    for start in range(0, values.shape[1], step):
        yield slice(start, min(start + step, values.shape[1]))
