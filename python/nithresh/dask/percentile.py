"""Percentiles of a chunked volume, exact.

Magnitudes are integers in the order of the values, so the ones of a rank are found as
in a telephone book, 16 binary digits in each pass: how many values go on with each of
the possible 16 after those that are known. Each block returns only counts.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import dask.array as da
import numpy as np
from dask.base import compute
from numpy.typing import NDArray

from nithresh._arrays import as_voxels, check_array
from nithresh._open import PERCENTILE_MARGIN

_BITS = 16


class _State(NamedTuple):
    """How far two ranks that follow each other have been found."""

    # From the first digits: what is known of the magnitudes.
    prefixes: tuple[int, int]
    # Among those that begin so.
    ranks: tuple[int, int]
    position: float
    size: int


def resolve(
    array: da.Array, mask: da.Array | None, percent: float, *, absolute: bool
) -> float:
    """Compute the threshold that a percentile stands for, now.

    That of :func:`nithresh.threshold`, to the last bit.
    """
    # What the core reads float16 and bool as.
    dtype = as_voxels(np.empty((0, 0, 0), array.dtype), "array").dtype
    state = None
    for shift in range(max(8 * dtype.itemsize - _BITS, 0), -1, -_BITS):
        counts = da.map_blocks(
            _count,
            array,
            mask,
            state=state,
            shift=shift,
            absolute=absolute,
            dtype=np.int64,
            chunks=(*((1,) * blocks for blocks in array.numblocks), 2, 1 << _BITS),
            new_axis=[3, 4],
            meta=np.empty((0,) * 5, np.int64),
        )
        (total,) = compute(counts.sum(axis=(0, 1, 2)))
        state = _descended(total, state, percent)
    return math.inf if state is None else _interpolated(state, dtype)


def _count(
    block: NDArray[Any],
    mask: NDArray[Any] | None,
    *,
    state: _State | None,
    shift: int,
    absolute: bool,
) -> NDArray[np.int64]:
    """Count the next digits of the magnitudes that begin as those of the ranks do."""
    check_array(block, "a chunk of array")
    voxels = as_voxels(block, "array")
    if voxels.dtype.kind == "f":
        voxels = np.where(np.isfinite(voxels), voxels, voxels.dtype.type(0))
    if mask is not None:
        voxels = voxels[(mask != 0) & np.isfinite(mask)]
    if not absolute:
        voxels = voxels[voxels >= 0]
    unsigned = np.dtype(f"u{voxels.dtype.itemsize}")
    # abs of the smallest integer is itself, and its bits are those of its magnitude.
    with np.errstate(over="ignore"):
        magnitudes = np.abs(voxels).ravel().view(unsigned)
    rows = []
    for prefix in [0, 0] if state is None else state.prefixes:
        digits = magnitudes >> unsigned.type(shift)
        if state is not None:
            digits = digits[digits >> unsigned.type(_BITS) == prefix]
        last = digits & unsigned.type(min((1 << _BITS) - 1, np.iinfo(unsigned).max))
        rows.append(np.bincount(last.astype(np.intp), minlength=1 << _BITS))
    return np.stack(rows)[np.newaxis, np.newaxis, np.newaxis]


def _descended(
    counts: NDArray[np.int64], state: _State | None, percent: float
) -> _State:
    """Choose the digits that the ranks go on with."""
    if state is None:
        count = int(counts[0].sum())
        position = percent / 100.0 * (count - 1)
        rank = int(max(position, 0))
        ranks = (rank, min(rank + 1, max(count - 1, 0)))
        state = _State((0, 0), ranks, position, count)
    if not state.size:
        return state
    chosen = []
    for own, prefix, rank in zip(counts, state.prefixes, state.ranks, strict=True):
        below = np.cumsum(own)
        digit = int(np.searchsorted(below, rank, side="right"))
        smaller = int(below[digit - 1]) if digit else 0
        chosen.append((prefix << _BITS | digit, rank - smaller))
    prefixes, ranks = zip(*chosen, strict=True)
    return state._replace(prefixes=prefixes, ranks=ranks)


def _interpolated(state: _State, dtype: np.dtype[Any]) -> float:
    """Return the percentile as the core does, in the same order of the arithmetic."""
    if not state.size:
        return math.inf
    bits = np.array(state.prefixes, f"u{dtype.itemsize}")
    lower, upper = (bits.view(dtype) if dtype.kind == "f" else bits).tolist()
    lower, upper = float(lower), float(upper)
    rank = int(state.position)
    weights = (rank + 1) - state.position, state.position - rank
    if weights[1] > 0 and rank + 1 < state.size:
        lower = (lower * weights[0] + upper * weights[1]) / (weights[0] + weights[1])
    return lower + PERCENTILE_MARGIN
