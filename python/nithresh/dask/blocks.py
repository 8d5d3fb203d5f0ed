"""A volume in blocks: what is done to each, and how their clusters are joined.

::

    array ──label each──▶ pieces ─────────────┐
                 └──▶ faces ──touching──▶ pairs ──join──▶ numbers
    array ──label each once more────────────────────────────┴──▶ labels, values

The first row is computed at once, the second when it is asked for. In one graph Dask
would take the blocks that both rows read for the same, and keep all of them in memory
until the last one is labelled. (Its function ``clone``, which renames them, breaks the
graphs of many arrays: dask issue 12455.)

What a block hands on is an object in an array of one for each block.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import dask.array as da
import numpy as np
from dask.base import compute, get_scheduler, persist
from dask.delayed import delayed
from numpy.typing import NDArray

from nithresh import _core
from nithresh._arrays import (
    as_voxels,
    check_array,
    check_array_mask,
    check_mask,
    check_mask_type,
    new_result,
    result_type,
)
from nithresh._connectivity import REACH, half_steps
from nithresh._kept import threshold_map
from nithresh._open import OpenMap
from nithresh._params import Percentile, Request
from nithresh._workers import check_workers
from nithresh.dask.percentile import resolve

# Which parts of two blocks touch along an axis. _NEXT: the second block is one on (1)
# or one back (-1). _BESIDE: both are in the same row of blocks, and the second voxel is
# beside the first (0), one on (1) or one back (-1).
_ALL, _FIRST, _LAST = slice(None), slice(0, 1), slice(-1, None)
_NEXT = {1: (_LAST, _FIRST), -1: (_FIRST, _LAST)}
_BESIDE = {
    0: (_ALL, _ALL),
    1: (slice(None, -1), slice(1, None)),
    -1: (slice(1, None), slice(None, -1)),
}


class Found(NamedTuple):
    """What the first pass finds in a block."""

    pieces: Pieces
    low: tuple[NDArray[np.int32], ...]
    high: tuple[NDArray[np.int32], ...]


class Pieces(NamedTuple):
    """The clusters of a block that may be, or be part of, one of the volume."""

    # Their numbers in the block, rising.
    labels: NDArray[np.int32]
    # As the core has them: a row of words for each.
    words: NDArray[np.uint64]


class Numbers(NamedTuple):
    """The numbers that clusters of a block have in the volume; the others have 0."""

    labels: NDArray[np.int32]
    numbers: NDArray[np.int32]


class Summary(NamedTuple):
    """A summary of the values of a block, or of all blocks."""

    smallest: float
    largest: float
    non_finite: int
    inside: int


@dataclass(frozen=True)
class Volume:
    """A chunked volume and a request."""

    array: da.Array
    # With the same chunks.
    mask: da.Array | None
    request: Request
    level: float

    @classmethod
    def of(cls, array: Any, mask: Any, request: Request) -> Volume:
        """Check an array and a mask, and resolve a percentile.

        Asks the workers for their version. Computes what it must: the values of a mask
        that is not yet computed, and a percentile.
        """
        _check_dask_array(array)
        _check_workers()
        as_voxels(np.empty((0, 0, 0), array.dtype), "array")
        array = _without_empty_chunks(array)
        if isinstance(mask, da.Array):
            check_mask_type(mask, array.shape, "mask")
            mask = mask.rechunk(array.chunks)
            _check_values(mask)
        elif mask is not None:
            inside = check_array_mask(mask, array.shape)
            mask = da.from_array(inside, chunks=array.chunks)
        level = request.threshold
        if isinstance(level, Percentile):
            level = resolve(array, mask, level.percent, absolute=request.two_sided)
        return cls(array, mask, request, level)

    def thresholded(self, numbers: da.Array | None) -> da.Array:
        """Return the voxels of clusters that have a number; all without `numbers`."""
        dtype = result_type(self.array.dtype)
        return self._map(_threshold_block, numbers, dtype=dtype)

    def labels(self, numbers: da.Array) -> da.Array:
        """Return the number of its cluster at each voxel."""
        return self._map(_number_block, numbers, dtype=np.int32)

    def joined(self, *others: da.Array) -> tuple[Any, ...]:
        """Find the clusters of all blocks and join them, now.

        Parameters
        ----------
        *others : dask.array.Array
            What is to be computed from the same reading of the volume.

        Returns
        -------
        numbers : dask.array.Array of Numbers
            One for each block; computed, and kept where the scheduler keeps results.
        found : dict
            What ``find_clusters`` of the core gives.
        *others : numpy.ndarray
        """
        pieces, touching, steps = self._pieces()
        # In one call, so that Dask sees what they share.
        pieces, *others_done = persist(pieces, *touching, *others)
        lazy = delayed(_join, nout=2)(
            pieces,
            others_done[: len(steps)],
            steps,
            self.request.cluster_threshold,
        )
        numbers, found = persist(*lazy)
        results = compute(found, *others_done[len(steps) :])
        shape = self.array.numblocks
        blocks = da.from_delayed(numbers, shape, object, _OBJECTS["meta"])
        (blocks,) = persist(blocks.rechunk(1))
        return blocks, *results

    def summaries(self) -> da.Array:
        """Summarise the values of each block; not yet computed."""
        return self._map(_summarise_block, dtype=object)

    def _pieces(self) -> tuple[da.Array, list[da.Array], list[tuple[int, ...]]]:
        """Return the pieces of all blocks, and which of them touch, for each way."""
        found = self._map(_label_block, dtype=object)
        pieces = _each(found, lambda block: block.pieces)
        high = _each(found, lambda block: block.high)
        # Separately, because each neighbour asks for only one of them.
        low = [_each(found, _Low(axis)) for axis in range(3)]
        steps = list(_steps(found.numblocks, self.request.connectivity))
        touching = []
        for step in steps:
            axis = next(axis for axis in range(3) if step[axis])
            here, there = _slices(step)
            pairs = _map_blocks(
                _touching,
                high.blocks[here],
                low[axis].blocks[there],
                axis=axis,
                step=step,
                reach=REACH[self.request.connectivity],
                **_OBJECTS,
            )
            touching.append(pairs)
        return pieces, touching, steps

    def _map(
        self,
        work: Callable[..., Any],
        numbers: da.Array | None = None,
        *,
        dtype: Any,
    ) -> da.Array:
        """Do the work for each block, with its voxels, its mask and its numbers."""
        words: dict[str, Any] = {"dtype": dtype, "meta": np.empty((0, 0, 0), dtype)}
        if dtype is object:
            words["chunks"] = tuple((1,) * count for count in self.array.numblocks)
        return _map_blocks(
            work,
            self.array,
            self.mask,
            numbers,
            level=self.level,
            request=self.request,
            **words,
        )


_OBJECTS: dict[str, Any] = {"dtype": object, "meta": np.empty((0, 0, 0), object)}


@dataclass(frozen=True)
class _Low:
    """The face of a block at the lower end of an axis."""

    axis: int

    def __call__(self, block: Found) -> NDArray[np.int32]:
        return block.low[self.axis]


def _check_dask_array(array: Any) -> None:
    if not isinstance(array, da.Array):
        msg = (
            f"array is of type {type(array).__name__}; it must be a dask.array.Array "
            "(dask.array.from_array makes one)"
        )
        raise TypeError(msg)
    if array.ndim != 3:
        msg = f"array has shape {array.shape}; it must have 3 dimensions"
        raise ValueError(msg)
    if any(np.isnan(side) for side in array.shape):
        msg = (
            "array has chunks of unknown sizes; they must be known (its method "
            "compute_chunk_sizes finds them)"
        )
        raise ValueError(msg)


def _check_workers() -> None:
    """Check the workers of the :class:`distributed.Client` that Dask would use."""
    if "distributed" not in sys.modules:
        return
    from distributed import Client

    try:
        client = getattr(get_scheduler(), "__self__", None)
    except (NotImplementedError, RuntimeError, ValueError):
        return  # no client for this thread; the computation will raise an error
    if isinstance(client, Client):
        scheduler: Any = client.scheduler
        check_workers(client, f"the Dask cluster {scheduler.address}")


def _without_empty_chunks(array: da.Array) -> da.Array:
    """Leave out chunks of no voxels, so that those beside them are neighbours."""
    if all(all(sides) for sides in array.chunks):
        return array
    # One axis at a time, as Dask's blocks want it.
    for axis, sides in enumerate(array.chunks):
        places = np.flatnonzero(sides) if any(sides) else [0]
        array = array.blocks[(*(_ALL,) * axis, list(places))]
    return array


def _map_blocks(work: Callable[..., Any], *inputs: Any, **words: Any) -> da.Array:
    mapped: da.Array = da.map_blocks(work, *inputs, **words)
    return mapped


def _each(found: da.Array, take: Callable[[Any], Any]) -> da.Array:
    """Take a part of what was found in each block."""
    return _map_blocks(_taken, found, take=take, **_OBJECTS)


def _taken(found: NDArray[Any], take: Callable[[Any], Any]) -> NDArray[Any]:
    return _as_object(take(found.item()))


def _as_object(value: Any) -> NDArray[Any]:
    """Put an object into an array of one element."""
    block = np.empty((1, 1, 1), object)
    block[0, 0, 0] = value
    return block


def _check_values(mask: da.Array) -> None:
    """Check the values of a mask."""
    ones = tuple((1,) * count for count in mask.numblocks)
    (samples,) = compute(_map_blocks(_sample, mask, chunks=ones, **_OBJECTS))
    values = np.array([0, *itertools.chain(*samples.flat)], mask.dtype)
    check_mask(values, values.shape, "mask")


def _sample(mask: NDArray[Any]) -> NDArray[Any]:
    """Pick the values of a mask that decide if it is valid."""
    values = mask[(mask != 0) & np.isfinite(mask)]
    return _as_object([values.min(), values.max()] if values.size else [])


def _open(block: NDArray[Any], mask: NDArray[Any] | None) -> OpenMap:
    """Make a block and its mask ready for the core."""
    check_array(block, "a chunk of array")
    inside = None
    if mask is not None:
        inside = np.asarray((mask != 0) & np.isfinite(mask))
    voxels = as_voxels(block, "array")
    return OpenMap(None, block.shape, block, voxels, inside, "array")


def _label_block(
    block: NDArray[Any],
    mask: NDArray[Any] | None,
    _: None,
    *,
    level: float,
    request: Request,
    block_info: Any,
) -> NDArray[Any]:
    """Find the clusters of a block."""
    opened = _open(block, mask)
    labels, labels_is_zero = new_result(opened.voxels, np.int32)
    place = block_info[0]
    listed, words = _core.label_block(
        opened.voxels,
        labels,
        opened.for_core(request, level),
        mask=opened.inside,
        labels_is_zero=labels_is_zero,
        start=tuple(start for start, _ in place["array-location"]),
        shape=place["shape"],
    )
    # Signed, because clusters of two signs never merge.
    signed = np.zeros(listed.max(initial=0) + 1, np.int32)
    signed[listed] = words[:, 1].astype(np.int32) * listed
    low: list[NDArray[np.int32]] = []
    high: list[NDArray[np.int32]] = []
    places = zip(place["chunk-location"], place["num-chunks"], strict=True)
    for axis, (at, count) in enumerate(places):
        for faces, end, goes_on in [
            (low, _FIRST, at > 0),
            (high, _LAST, at + 1 < count),
        ]:
            # No block lies beyond the volume.
            face = labels[(*(_ALL,) * axis, end if goes_on else slice(0))]
            faces.append(signed[face])
    return _as_object(Found(Pieces(listed, words), tuple(low), tuple(high)))


def _steps(numblocks: tuple[int, ...], connectivity: int) -> Iterator[tuple[int, ...]]:
    """Go through the ways from a block to those that follow it and touch it."""
    for step in half_steps(connectivity):
        if all(
            count > 1 for count, along in zip(numblocks, step, strict=True) if along
        ):
            yield step


def _slices(step: tuple[int, ...]) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Return the blocks that have a neighbour there, and these neighbours."""
    pairs = [_BESIDE[along] for along in step]
    return tuple(pair[0] for pair in pairs), tuple(pair[1] for pair in pairs)


def _touching(
    high: NDArray[Any],
    low: NDArray[Any],
    *,
    axis: int,
    step: tuple[int, ...],
    reach: int,
) -> NDArray[Any]:
    """Find which clusters of a block touch which ones of a neighbour.

    Each pair as one number: the first label in its upper half.
    """
    ours, theirs = high.item()[axis], low.item()
    keys = []
    for shift in itertools.product(*[(0,) if along else (-1, 0, 1) for along in step]):
        if np.count_nonzero(step) + np.count_nonzero(shift) > reach:
            continue
        pairs = [
            _NEXT[along] if along else _BESIDE[beside]
            for along, beside in zip(step, shift, strict=True)
        ]
        a = ours[tuple(pair[0] for pair in pairs)]
        b = theirs[tuple(pair[1] for pair in pairs)]
        touches = (np.sign(a) == np.sign(b)) & (a != 0)
        first, second = (np.abs(part[touches]).astype(np.uint64) for part in (a, b))
        keys.append(np.unique(first << np.uint64(32) | second))
    return _as_object(np.unique(np.concatenate(keys)))


def _join(
    pieces: NDArray[Any],
    touching: list[NDArray[Any]],
    steps: list[tuple[int, ...]],
    cluster_threshold: int,
) -> tuple[NDArray[Any], dict[str, Any]]:
    """Join the pieces of all blocks; return the numbers of each block's."""
    blocks = list(pieces.flat)
    starts = np.cumsum([0, *(len(block.labels) for block in blocks)])
    places = np.arange(len(blocks)).reshape(pieces.shape)
    pairs = [np.empty((0, 2), np.uint32)]
    for step, keys_of_step in zip(steps, touching, strict=True):
        here, there = (places[part].ravel() for part in _slices(step))
        for first, second, keys in zip(here, there, keys_of_step.flat, strict=True):
            halves = [
                (first, keys >> np.uint64(32)),
                (second, keys & np.uint64(2**32 - 1)),
            ]
            columns = [
                starts[block]
                + np.searchsorted(blocks[block].labels, half.astype(np.int32))
                for block, half in halves
            ]
            pairs.append(np.stack(columns, axis=1).astype(np.uint32))
    numbers, found = _core.join_blocks(
        np.concatenate([block.words for block in blocks]),
        np.concatenate(pairs),
        cluster_threshold=cluster_threshold,
    )
    result = np.empty(pieces.shape, object)
    for place, block in enumerate(blocks):
        own = numbers[starts[place] : starts[place + 1]]
        result.flat[place] = Numbers(block.labels, own.copy())
    return result, found


def _numbered(
    opened: OpenMap, numbers: NDArray[Any], level: float, voxelwise: Request
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Label a block once more; return its labels and the number of each."""
    labels, labels_is_zero = new_result(opened.voxels, np.int32)
    count = _core.label(
        opened.voxels,
        labels,
        opened.for_core(voxelwise, level),
        mask=opened.inside,
        labels_is_zero=labels_is_zero,
    )
    listed: Numbers = numbers.item()
    lookup = np.zeros(count + 1, np.int32)
    lookup[listed.labels] = listed.numbers
    return labels, lookup


def _number_block(
    block: NDArray[Any],
    mask: NDArray[Any] | None,
    numbers: NDArray[Any],
    *,
    level: float,
    request: Request,
) -> NDArray[np.int32]:
    """Give each voxel of a block the number of its cluster in the volume."""
    voxelwise = request._replace(cluster_threshold=0)
    labels, lookup = _numbered(_open(block, mask), numbers, level, voxelwise)
    return lookup[labels]


def _threshold_block(
    block: NDArray[Any],
    mask: NDArray[Any] | None,
    numbers: NDArray[Any] | None,
    *,
    level: float,
    request: Request,
) -> NDArray[Any]:
    """Keep the voxels of a block that pass and whose cluster has a number."""
    opened = _open(block, mask)
    voxelwise = request._replace(cluster_threshold=0)
    kept = threshold_map(opened, voxelwise, level, None).voxels
    if numbers is not None:
        labels, lookup = _numbered(opened, numbers, level, voxelwise)
        goes = lookup == 0
        goes[0] = False
        if goes.any():
            kept[goes[labels]] = 0
    return kept


def merged(parts: NDArray[Any]) -> Summary:
    """Summarise the values of all blocks."""
    smallest, largest, non_finite, inside = zip(*parts.flat, strict=True)
    return Summary(min(smallest), max(largest), sum(non_finite), sum(inside))


def _summarise_block(
    block: NDArray[Any],
    mask: NDArray[Any] | None,
    _: None,
    *,
    level: float,
    request: Request,
) -> NDArray[Any]:
    opened = _open(block, mask)
    voxels, inside = opened.voxels, opened.inside
    smallest, largest, has_non_finite = opened.summary()
    non_finite = 0
    if has_non_finite:
        non_finite = voxels.size - int(np.count_nonzero(np.isfinite(voxels)))
    count = voxels.size if inside is None else int(np.count_nonzero(inside))
    return _as_object(Summary(smallest, largest, non_finite, count))
