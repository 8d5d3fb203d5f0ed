"""Where to cut: what the caller asked for, checked, or a place worth seeing."""

from __future__ import annotations

import math
import numbers
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nithresh import _core
from nithresh._arrays import as_voxels
from nithresh._numbers import told_apart
from nithresh._params import warn
from nithresh.clusters import label
from nithresh.plotting.modes import mode_named
from nithresh.plotting.slices import slices_of, smoothed, strongest

if TYPE_CHECKING:
    from nithresh.clusters import Clusters
    from nithresh.plotting.geometry import Bounds, Volume
    from nithresh.plotting.maps import StatMap
    from nithresh.plotting.modes import Mode
    from nithresh.plotting.slices import Slices

__all__ = ["Asked", "check_cuts", "choose_cuts", "peak_of"]

#: What the caller asked for: a number of cuts or the cuts in mm of each direction,
#: "peak" for the peak of the map itself, or None to choose.
Asked = dict[str, int] | dict[str, list[float]] | str | None

# The number of cuts if the caller gives none; fewer in a map with fewer slices.
_USUAL = 0
_USUAL_COUNT = 7
# Of the non-zero abs values; stands in for a threshold that hides nothing.
_PERCENTILE = 80.0
_PEAK = "peak"
_CLUSTER = re.compile(r"cluster:([0-9]+)")


def check_cuts(
    display_mode: Any, cut_coords: Any, clusters: Clusters | None = None
) -> Asked:
    """Check a display mode and its cuts, before anything is loaded."""
    mode = mode_named(display_mode)
    if isinstance(cut_coords, str):
        return _named_cuts(mode, cut_coords, clusters)
    if not mode.stacked:
        return _one_cut_each(mode, cut_coords)
    if cut_coords is None:
        return dict.fromkeys(mode.directions, _USUAL)
    if isinstance(cut_coords, numbers.Real):
        return dict.fromkeys(mode.directions, _check_count(cut_coords))
    if mode.wraps:
        coords = _numbers(cut_coords)
        if not coords:
            raise _no_match(mode, cut_coords, "a number of cuts, a list of cuts in mm")
        return {mode.directions: _without_repeats(coords, cut_coords)}
    return _cuts_of_each(mode, cut_coords)


def _one_cut_each(mode: Mode, cut_coords: Any) -> Asked:
    if cut_coords is None:
        return None
    coords, axes = _numbers(cut_coords), mode.directions
    if coords is None or len(coords) != len(axes):
        wanted = f"{len(axes)} numbers in mm ({', '.join(axes)})"
        raise _no_match(mode, cut_coords, wanted)
    return {axis: [coord] for axis, coord in zip(axes, coords, strict=True)}


def _cuts_of_each(mode: Mode, cut_coords: Any) -> Asked:
    """Check what a mode with several directions takes: counts, or cuts by direction."""
    axes = mode.directions
    wanted = (
        f"a number of cuts, {len(axes)} such numbers ({', '.join(axes)}), a dict of "
        "lists of cuts in mm"
    )
    if isinstance(cut_coords, dict):
        lists = {axis: _numbers(cut_coords.get(axis)) for axis in axes}
        if set(cut_coords) != set(axes) or not all(lists.values()):
            raise _no_match(mode, cut_coords, wanted)
        return {
            axis: _without_repeats(coords, cut_coords)
            for axis, coords in lists.items()
            if coords
        }
    counts = _numbers(cut_coords)
    if counts is None or len(counts) != len(axes):
        raise _no_match(mode, cut_coords, wanted)
    return {axis: _check_count(count) for axis, count in zip(axes, counts, strict=True)}


def _no_match(mode: Mode, cut_coords: Any, wanted: str) -> ValueError:
    # The first words are nilearn's.
    return ValueError(
        f"cut_coords passed does not match the display mode: cut_coords is "
        f"{cut_coords!r}; with display_mode={mode.name!r} it must be {wanted}, "
        '"peak", "cluster:3" or None'
    )


def _without_repeats(coords: list[float], cut_coords: Any) -> list[float]:
    if len(set(coords)) == len(coords):
        return coords
    warn(
        f"Dropping duplicates cuts from: cut_coords is {cut_coords!r}; each cut is "
        "drawn once"
    )
    return list(dict.fromkeys(coords))


def _named_cuts(mode: Mode, name: str, clusters: Clusters | None) -> Asked:
    """Return the cuts through a cluster's peak, or "peak" for that of the map."""
    match = _CLUSTER.fullmatch(name)
    if name != _PEAK and match is None:
        msg = (
            f'cut_coords is {name!r}; as text it must be "peak", or "cluster:3" for '
            "cluster 3 of clusters"
        )
        raise ValueError(msg)
    if match is not None and clusters is None:
        msg = f"cut_coords is {name!r}; it needs clusters, the result of find_clusters"
        raise ValueError(msg)
    if clusters is None or (match is None and not len(clusters)):
        return _PEAK
    number = 1 if match is None else int(match[1])
    if not 1 <= number <= len(clusters):
        msg = f"cut_coords is {name!r}; clusters has {len(clusters)} clusters"
        if len(clusters):
            msg += f", so it must be 1 to {len(clusters)}"
        raise ValueError(msg)
    return _through(peak_of(clusters, number), mode)


def peak_of(clusters: Clusters, number: int) -> npt.NDArray[np.float64]:
    """Return where a cluster has its peak, in mm, shape (3,)."""
    row = clusters.lookup[number]
    return np.array([clusters.table[axis][row] for axis in "xyz"])


def choose_cuts(stat_map: StatMap, mode: Mode, asked: Asked) -> dict[str, list[float]]:
    """Return the cuts of each direction in mm.

    Raises
    ------
    ValueError
        When all of the caller's cuts miss the field of view.
    """
    volume = stat_map.kept
    nothing = volume.content_bounds is None
    if nothing:
        _warn_of_nothing(stat_map, asked)
    if asked is None or isinstance(asked, str):
        if nothing:
            point: Any = volume.bounds.mean(axis=1)
        elif asked is None:
            point = _centre_of_largest_cluster(stat_map)
        else:
            point = _peak(volume)
        return _through(point, mode)
    cuts = {axis: wanted for axis, wanted in asked.items() if isinstance(wanted, list)}
    if len(cuts) < len(asked):
        smooth = smoothed(volume)
        for axis, wanted in asked.items():
            if isinstance(wanted, int):
                slices = slices_of(volume, "xyz".index(axis), smooth)
                cuts[axis] = _several(slices, wanted)
    every = [(axis, coord) for axis, coords in cuts.items() for coord in coords]
    missed = [cut for cut in every if not volume.contains(*cut)]
    if missed:
        message = _missed(missed, volume.bounds)
        if len(missed) == len(every):
            raise ValueError(message)
        warn(message)
    return cuts


def _warn_of_nothing(stat_map: StatMap, asked: Asked) -> None:
    low, high, *level = told_apart(
        stat_map.low,
        stat_map.high,
        *([stat_map.threshold] if stat_map.threshold else []),
    )
    chooses = asked is None or isinstance(asked, str)
    if not chooses and stat_map.low == stat_map.high == 0:
        return  # nothing is hidden
    message = f"no voxel is left to show: the map runs from {low} to {high}"
    if level:
        message += f", the threshold is {level[0]}"
    if chooses:
        message += "; the cuts go through the middle of the field of view"
    elif isinstance(asked, dict) and any(
        isinstance(wanted, int) for wanted in asked.values()
    ):
        message += "; the cuts are spread over the field of view"
    warn(message)


def _through(point: npt.NDArray[np.float64], mode: Mode) -> dict[str, list[float]]:
    """Return the cuts through a point (mm): one in each direction that is shown."""
    return {axis: [float(point["xyz".index(axis)])] for axis in mode.directions}


def _peak(volume: Volume) -> npt.NDArray[np.float64]:
    """Return where the largest abs value is, in mm, shape (3,).

    Ties go to the voxel with the smallest indices, as in the table of clusters.
    """
    data = volume.data
    # As Python numbers: the lowest integer of a type has no abs value in that type.
    highest = max(-data.min().item(), data.max().item())
    at = (data == highest) | (data == -highest)
    return volume.mm(np.argwhere(at)[0])


def _centre_of_largest_cluster(
    stat_map: StatMap,
) -> npt.NDArray[np.float64]:
    """Return the centre of mass of the largest cluster shown, in mm, shape (3,).

    A centre that lies in a hollow moves to the cluster's nearest voxel, so that the
    cut always shows something.
    """
    volume = stat_map.kept
    labels, _ = label(
        volume.data,
        _singling_threshold(stat_map),
        two_sided=stat_map.two_sided,
        connectivity=stat_map.connectivity,
    )
    ijk = np.argwhere(labels == 1)
    weights = np.abs(volume.data[tuple(ijk.T)].astype(np.float64))
    # Scaled by a power of two, which is exact: the sum could overflow.
    weights = np.ldexp(weights, -np.frexp(weights.max())[1])
    centre = weights @ ijk / weights.sum()
    if (ijk == np.floor(centre + 0.5)).all(axis=1).any():
        return volume.mm(centre)
    points = volume.mm(ijk)
    nearest: npt.NDArray[np.float64] = points[
        ((points - volume.mm(centre)) ** 2).sum(axis=1).argmin()
    ]
    return nearest


def _singling_threshold(stat_map: StatMap) -> float:
    """Return the map's threshold, or a higher one where it keeps the whole brain.

    A threshold that hides nothing would make one cluster of the whole map. The 80th
    percentile of the abs values that are shown stands in for it.
    """
    level, raw = stat_map.threshold, stat_map.raw.data
    if level:
        if level < 0:
            hidden = (raw < 0) & (raw > level)
        elif stat_map.two_sided:
            hidden = (raw != 0) & (raw < level) & (raw > -level)
        else:
            hidden = (raw > 0) & (raw < level)
        if hidden.any():
            return level
    kept = stat_map.kept.data
    absolute = True
    voxels = as_voxels(kept, "kept")
    score = _core.percentile(voxels, kept != 0, _PERCENTILE, absolute) or 0.0
    return -score if level and level < 0 else score


def _several(slices: Slices, count: int) -> list[float]:
    """Return the cuts through the slices that show most, apart from each other."""
    is_usual, count = count == _USUAL, count or _USUAL_COUNT
    if count > len(slices.coords):
        if not is_usual:
            warn(
                f"cut_coords is {count}; the map has {len(slices.coords)} slices, "
                "drawn once each"
            )
        picked = list(range(len(slices.coords)))
    else:
        picked = strongest(slices, count)
    return sorted(slices.coords[picked].tolist())


def _check_count(cut_coords: Any) -> int:
    if (
        isinstance(cut_coords, (bool, np.bool_))
        or not math.isfinite(cut_coords)
        or cut_coords != int(cut_coords)
        or cut_coords < 1
    ):
        msg = f"cut_coords is {cut_coords!r}; as a number of cuts it must be 1 or more"
        raise ValueError(msg)
    return int(cut_coords)


def _numbers(cut_coords: Any) -> list[float] | None:
    """Return the cuts as floats; None unless all are finite numbers."""
    if isinstance(cut_coords, str) or not np.iterable(cut_coords):
        return None
    coords = list(cut_coords)
    if not all(isinstance(c, numbers.Real) and math.isfinite(c) for c in coords):
        return None
    return [float(coord) for coord in coords]


def _missed(cuts: list[tuple[str, float]], bounds: Bounds) -> str:
    """Say which cuts lie outside the map, and where it ends."""
    spans, missed = [], []
    for axis, ends in zip("xyz", bounds.tolist(), strict=True):
        coords = [coord for direction, coord in cuts if direction == axis]
        low, high, *texts = told_apart(*ends, *coords)
        spans.append(f"{axis} {low} to {high}")
        missed += [f"{axis}={text}" for text in texts]
    # The first words are nilearn's.
    return (
        "Some cut_coords seem to be out of the image bounds: "
        f"{', '.join(missed)} outside the map, which spans {', '.join(spans)} (mm)"
    )
