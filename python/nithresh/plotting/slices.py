"""Which slices of a map are worth a cut, when only their number is given.

The rule is that of nilearn's ``find_cut_slices``, on what the threshold leaves: the
slice with the highest peak of the smoothed map comes first, then the highest one at
some distance from it, and so on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from nithresh.plotting.geometry import Volume

__all__ = ["Slices", "slices_of", "smoothed", "strongest"]

# The weight of each of the six neighbours of a voxel, which has 1.
_NEIGHBOUR = 0.2
# Slices near one that was picked count for this part of their peak.
_NEAR = 1e-3


@dataclass(frozen=True)
class Slices:
    """The slices along one direction, each array of shape (n,).

    Attributes
    ----------
    coords : numpy.ndarray, float64
        Where to cut, in mm.
    peaks : numpy.ndarray
        The largest smoothed abs value among the voxels that are shown, 0 for none.
    firsts : numpy.ndarray, integer
        The order of equal peaks: the index of that voxel. In an aligned volume whose
        peaks all differ, any numbers.
    sums : numpy.ndarray, float64
        Of the abs values.
    """

    coords: npt.NDArray[np.float64]
    peaks: npt.NDArray[Any]
    firsts: npt.NDArray[np.intp]
    sums: npt.NDArray[np.float64]


def slices_of(volume: Volume, axis: int, smooth: npt.NDArray[Any]) -> Slices:
    """Return the slices of a thresholded map along x, y or z (0, 1, 2).

    ``smooth`` is what :func:`smoothed` returns for it.
    """
    coords, numbers = volume.slices(axis)
    if volume.is_aligned:
        peaks, firsts, sums = _of_axis(volume, smooth, volume.voxel_axis(axis))
        return Slices(coords, peaks, firsts, sums)
    shown = np.flatnonzero(volume.data)
    number = np.broadcast_to(numbers, volume.data.shape).ravel()[shown]
    values = smooth.ravel()[shown]
    peaks = np.zeros(len(coords), smooth.dtype)
    np.maximum.at(peaks, number, values)
    firsts = np.full(len(coords), volume.data.size)
    is_peak = values == peaks[number]
    np.minimum.at(firsts, number[is_peak], shown[is_peak])
    sums = np.zeros(len(coords))
    np.add.at(sums, number, np.abs(volume.data.ravel()[shown].astype(np.float64)))
    # The middle of an oblique slice can miss the voxels that it stands for.
    has_any = peaks > 0
    ijk = np.stack(np.unravel_index(firsts[has_any], volume.data.shape), axis=1)
    coords[has_any] = volume.mm(ijk)[:, axis]
    return Slices(coords, peaks, firsts, sums)


def _of_axis(
    volume: Volume, smooth: npt.NDArray[Any], axis: int
) -> tuple[npt.NDArray[Any], npt.NDArray[np.intp], npt.NDArray[np.float64]]:
    """Return peaks, firsts and sums of the slices along a voxel axis."""
    others = tuple({0, 1, 2} - {axis})
    peaks: npt.NDArray[Any] = smooth.max(axis=others)
    size = smooth.shape[axis]
    firsts = np.arange(size)
    if len(np.unique(peaks)) < size:
        planes = np.moveaxis(smooth, axis, 0).reshape(size, -1)
        at = np.unravel_index(
            planes.argmax(axis=1), [smooth.shape[other] for other in others]
        )
        index = dict(zip(others, at, strict=True)) | {axis: np.arange(size)}
        firsts = np.ravel_multi_index([index[i] for i in range(3)], smooth.shape)
    negative = np.minimum(volume.data, 0).sum(axis=others, dtype=np.float64)
    whole = volume.data.sum(axis=others, dtype=np.float64)
    return peaks, firsts, whole - 2 * negative


def strongest(slices: Slices, count: int) -> list[int]:
    """Return the indices of the strongest slices that lie apart, ``count`` of them.

    Examples
    --------
    >>> peaks = np.array([0.0, 1, 8, 9, 7, 1, 5, 0])
    >>> places = np.arange(8)
    >>> strongest(Slices(places * 3.0, peaks, places, peaks), 2)
    [3, 6]
    """
    places = np.arange(len(slices.peaks))
    if not slices.peaks.any():
        evenly = (np.arange(count) + 0.5) * len(places) / count
        return [int(place) for place in evenly]
    apart = max(int(0.5 / count * len(places)), 1)
    left = slices.peaks.copy()
    picked: set[int] = set()
    for _ in range(count):
        best = int(np.lexsort((slices.firsts, -left))[0])
        picked.add(best)
        left[max(best - apart, 0) : best + apart] *= _NEAR
    while len(picked) < count:
        picked.add(_further(slices, sorted(picked)))
    return sorted(picked)


def _further(slices: Slices, picked: list[int]) -> int:
    """Return one more slice: two off the picked ones, or in their widest gap."""
    candidates = [picked[-1] + 2]
    if len(picked) > 1:
        gap = int(np.diff(picked).argmax())
        candidates.append((picked[gap] + picked[gap + 1]) // 2)
    candidates.append(picked[0] - 2)
    sums = slices.sums
    shows = [
        index
        for index in candidates
        if 0 <= index < len(sums) and index not in picked and sums[index] > 0
    ]
    if shows:
        return max(shows, key=sums.__getitem__)
    others = np.setdiff1d(np.arange(len(sums)), picked)
    # Those that show most, then those nearest to the ones that show something.
    away = np.abs(others[:, np.newaxis] - picked).min(axis=1)
    return int(others[np.lexsort((away, -sums[others]))[0]])


def smoothed(volume: Volume) -> npt.NDArray[Any]:
    """Return the smoothed abs values of a volume, 0 where the volume is 0.

    The mean of each voxel and its six neighbours, which count less, is scaled by some
    number: only the order matters.
    """
    data = volume.data
    values: npt.NDArray[Any] = np.abs(
        data if data.dtype.kind == "f" else data.astype(np.float64)
    )
    # By a power of two, which is exact: the sum could overflow.
    _, exponent = np.frexp(values.max())
    if exponent > np.finfo(values.dtype).maxexp - 2:
        values = np.ldexp(values, -4)
    result: npt.NDArray[Any] = values.copy(order="K")
    part = values * values.dtype.type(_NEIGHBOUR)
    for axis in range(3):
        ours, theirs = np.moveaxis(result, axis, 0), np.moveaxis(part, axis, 0)
        ours[:-1] += theirs[1:]
        ours[1:] += theirs[:-1]
    result[data == 0] = 0
    return result
