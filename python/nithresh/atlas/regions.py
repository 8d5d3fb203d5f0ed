"""Which region of an atlas a place lies in, and which regions a cluster covers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nithresh._params import warn
from nithresh.grids import sampled, to_mm, voxels_at

# How many distances are computed at a time.
_AT_ONCE = 4_000_000
_DECIMALS = 6
_NO_REGION = "no region"


@dataclass(frozen=True)
class Atlas:
    """An atlas that has been read.

    Attributes
    ----------
    name : str
    numbers : numpy.ndarray of int32, shape (x, y, z)
        The region of each voxel, 0 of those in none.
    regions : list of str
        Their names, by number; that of 0 is empty.
    probability : numpy.ndarray of float32, shape (x, y, z), or None
        Of the region, which is the most likely one; from 0 to 1.
    affine : numpy.ndarray of shape (4, 4)
    space : str or None
        The template that it says it is in.
    source : mapping
        What it was read from, for sidecars.
    """

    name: str
    numbers: NDArray[np.int32]
    regions: list[str]
    probability: NDArray[np.float32] | None
    affine: NDArray[np.float64]
    space: str | None
    source: Mapping[str, Any]

    def at(self, xyz: NDArray[np.float64]) -> tuple[NDArray[np.int32], NDArray[Any]]:
        """Return the regions of places in mm, shape (n, 3), and their probabilities.

        A place takes the voxel whose box holds it. Outside of all boxes it lies in no
        region.
        """
        ijk, is_inside = voxels_at(self.affine, self.numbers.shape, xyz)
        where = tuple(ijk.T)
        numbers = self.numbers[where] * is_inside
        if self.probability is None:
            return numbers, np.ones(len(xyz), np.float32)
        return numbers, self.probability[where] * is_inside

    def nearest(
        self, xyz: NDArray[np.float64]
    ) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
        """Return the region with the nearest voxel centre, and how far that is in mm.

        Of regions at the same distance, to 1e-6 mm, the one of the smallest number.
        """
        places, numbers = self._borders
        regions = np.zeros(len(xyz), np.int32)
        distances = np.full(len(xyz), np.nan)
        step = max(_AT_ONCE // len(numbers), 1)
        for start in range(0, len(xyz), step):
            part = slice(start, start + step)
            squares = np.zeros((len(xyz[part]), len(numbers)))
            for axis in range(3):
                squares += (xyz[part, axis, np.newaxis] - places[:, axis]) ** 2
            apart = np.sqrt(squares).round(_DECIMALS)
            first = apart.argmin(axis=1)
            regions[part] = numbers[first]
            distances[part] = apart[np.arange(len(first)), first]
        return regions, distances

    @cached_property
    def _borders(self) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
        """The centres of voxels that may be the nearest to a place in no region.

        If axes are at right angles, such a voxel has a face to no region. They come in
        the order of their regions.
        """
        is_region = self.numbers != 0
        ijk = np.argwhere(is_region)
        linear = self.affine[:3, :3]
        angles = linear.T @ linear
        if np.allclose(
            angles, np.diag(np.diag(angles)), atol=1e-6 * np.abs(angles).max()
        ):
            padded = np.pad(is_region, 1)
            inner = np.ones_like(is_region)
            for axis in range(3):
                for shift in (0, 2):
                    beside = [slice(1, -1)] * 3
                    beside[axis] = slice(shift, shift + is_region.shape[axis])
                    inner &= padded[tuple(beside)]
            ijk = np.argwhere(is_region & ~inner)
        numbers = self.numbers[tuple(ijk.T)]
        order = np.argsort(numbers, kind="stable")
        return to_mm(self.affine, ijk[order]), numbers[order]


def columns_of(
    atlas: Atlas,
    xyz: NDArray[np.float64],
    is_first: NDArray[np.bool_],
    labels: NDArray[np.int32],
    affine: NDArray[np.float64],
) -> dict[str, NDArray[Any]]:
    """Make the columns of an atlas.

    Parameters
    ----------
    atlas : Atlas
    xyz : numpy.ndarray of shape (rows, 3)
        The peaks in mm.
    is_first : numpy.ndarray of bool, shape (rows,)
        Which rows are those of clusters, in the order of their numbers.
    labels : numpy.ndarray of int32, shape (x, y, z)
        The number of its cluster at each voxel.
    affine : numpy.ndarray of shape (4, 4)
        Of `labels`.

    Returns
    -------
    dict
        By the names of the columns, one value for each row.
    """
    numbers, probability = atlas.at(xyz)
    distances = np.zeros(len(xyz))
    outside = numbers == 0
    if outside.any():
        numbers[outside], distances[outside] = atlas.nearest(xyz[outside])
    regions = np.array(atlas.regions, dtype=np.str_)
    shares = np.full(len(xyz), "", dtype=object)
    shares[is_first] = _shares(atlas, labels, affine, int(is_first.sum()))
    columns: dict[str, NDArray[Any]] = {
        "region": regions[numbers],
        "distance": distances,
        "regions": shares.astype(np.str_),
    }
    if atlas.probability is not None:
        columns["probability"] = np.where(outside, 0.0, probability.astype(np.float64))
    return {f"{atlas.name}_{what}": values for what, values in columns.items()}


def _shares(
    atlas: Atlas, labels: NDArray[np.int32], affine: NDArray[np.float64], count: int
) -> list[str]:
    """Write which share of each cluster lies in which region, the largest first."""
    ijk = np.argwhere(labels)
    clusters = labels[tuple(ijk.T)].astype(np.int64) - 1
    numbers, _ = atlas.at(to_mm(affine, ijk))
    width = len(atlas.regions)
    pairs, voxels = np.unique(clusters * width + numbers, return_counts=True)
    of_cluster, number = np.divmod(pairs, width)
    extents = np.bincount(clusters, minlength=count)
    order = np.lexsort((number, -voxels, of_cluster))
    written: list[list[str]] = [[] for _ in range(count)]
    for place in order.tolist():
        cluster = of_cluster[place]
        percent = 100 * voxels[place] / extents[cluster]
        text = "<1" if percent < 1 else f"{percent:.0f}"
        region = atlas.regions[number[place]] or _NO_REGION
        written[cluster].append(f"{region} {text}%")
    return ["; ".join(texts) for texts in written]


def check_overlap(
    atlas: Atlas, affine: NDArray[np.float64], shape: tuple[int, ...], space: str | None
) -> None:
    """Warn of an atlas that may be in another space than a map.

    Parameters
    ----------
    atlas : Atlas
    affine : numpy.ndarray of shape (4, 4)
    shape : tuple of int
        Of the map.
    space : str or None
        The space that the map says it is in.

    Raises
    ------
    ValueError
        They have no place in common.
    """
    if (
        None not in (space, atlas.space)
        and str(space).lower() != str(atlas.space).lower()
    ):
        warn(
            f"The map is in the space {space} and the atlas {atlas.name!r} in "
            f"{atlas.space}; names of regions may be wrong."
        )
    everywhere = np.broadcast_to(np.True_, atlas.numbers.shape)
    of_map = sampled(everywhere, atlas.affine, affine, shape).mean()
    _, is_inside = voxels_at(
        affine, shape, to_mm(atlas.affine, np.argwhere(atlas.numbers))
    )
    of_regions = is_inside.mean()
    if not of_regions:
        msg = (
            f"the atlas {atlas.name!r} does not overlap with the map: no voxel of its "
            "regions lies in the map. Their affines put them in other places"
        )
        raise ValueError(msg)
    if max(of_map, of_regions) < 0.5:
        warn(
            f"Only {of_map:.0%} of the map lies in the atlas {atlas.name!r}, and "
            f"{of_regions:.0%} of its regions in the map; they may be in other spaces."
        )
