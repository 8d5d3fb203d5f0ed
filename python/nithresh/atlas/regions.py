"""Which region of an atlas a place lies in, and which regions a cluster covers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nithresh._params import warn
from nithresh.grids import sampled, to_mm, voxels_at

# Voxels along each axis of the blocks in which the nearest region is looked for.
_BLOCK = 4
# Distances are equal if they agree to this, in mm.
_DECIMALS = 6
_SLACK = 1e-5
_NO_REGION = "no region"


class VolumePlaces(NamedTuple):
    """The clusters of a volume.

    Attributes
    ----------
    labels : numpy.ndarray of int32, shape (x, y, z)
        The number of its cluster at each voxel.
    affine : numpy.ndarray of shape (4, 4)
    """

    labels: NDArray[np.int32]
    affine: NDArray[np.float64]


class Laid(NamedTuple):
    """What an atlas says of clusters that it is laid over.

    Attributes
    ----------
    numbers : numpy.ndarray of int32, shape (rows,)
        The region of each peak, or else the nearest one; 0 where there is none.
    distances : numpy.ndarray of float64, shape (rows,)
        How far the peaks are from these, in mm; NaN where there is none.
    probability : numpy.ndarray of float64, shape (rows,), or None
    clusters : numpy.ndarray of int, shape (n,)
        The cluster, from 0, of each voxel or vertex whose region counts.
    regions : numpy.ndarray of int32, shape (n,)
        Its region, 0 if it is in none.
    """

    numbers: NDArray[np.int32]
    distances: NDArray[np.float64]
    probability: NDArray[np.float64] | None
    clusters: NDArray[np.int64]
    regions: NDArray[np.int32]


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

    def over(
        self, places: VolumePlaces, xyz: NDArray[np.float64], space: str | None
    ) -> Laid:
        """Lay it over clusters whose peaks are at places in mm, shape (rows, 3).

        Raises
        ------
        ValueError
            They are elsewhere.
        """
        labels, affine = places
        warn_of_space(self.name, self.space, space)
        check_overlap(self, affine, labels.shape)
        numbers, probability = self.at(xyz)
        distances = np.zeros(len(xyz))
        outside = numbers == 0
        if outside.any():
            numbers[outside], distances[outside] = self.nearest(xyz[outside])
        of_peaks = None
        if self.probability is not None:
            of_peaks = np.where(outside, 0.0, probability.astype(np.float64))
        ijk = np.argwhere(labels)
        clusters = labels[tuple(ijk.T)].astype(np.int64) - 1
        regions, _ = self.at(to_mm(affine, ijk))
        return Laid(numbers, distances, of_peaks, clusters, regions)

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
        nearest = [self._blocks.nearest(place) for place in xyz]
        regions = np.array([number for number, _ in nearest], np.int32)
        return regions, np.array([distance for _, distance in nearest])

    @cached_property
    def _blocks(self) -> _Blocks:
        return _Blocks.of(self.numbers, self.affine)


class _Blocks(NamedTuple):
    """A volume cut into blocks, of which only those near a place are searched.

    Blocks without a region are left out. Places are in mm, one axis after the other.

    Attributes
    ----------
    numbers : numpy.ndarray of int32, shape (blocks, voxels)
        The region of each voxel.
    first : numpy.ndarray of shape (3, blocks, 1)
        Where the first voxel of each block is.
    steps : numpy.ndarray of shape (3, 1, voxels)
        How far each voxel is from the first one.
    centres : numpy.ndarray of shape (3, blocks)
    radius : float
        No voxel is further from the centre of its block.
    """

    numbers: NDArray[np.int32]
    first: NDArray[np.float64]
    steps: NDArray[np.float64]
    centres: NDArray[np.float64]
    radius: float

    @classmethod
    def of(cls, regions: NDArray[np.int32], affine: NDArray[np.float64]) -> _Blocks:
        """Cut a volume of regions."""
        padded = np.pad(regions, [(0, -side % _BLOCK) for side in regions.shape])
        x, y, z = (side // _BLOCK for side in padded.shape)
        cut = padded.reshape(x, _BLOCK, y, _BLOCK, z, _BLOCK)
        has_region: NDArray[np.bool_] = cut != 0
        # One axis after the other takes a fifth of the time of all at once.
        for axis in (1, 2, 3):
            has_region = np.any(has_region, axis=axis)
        first = np.argwhere(has_region)
        numbers = cut.transpose(0, 2, 4, 1, 3, 5)[tuple(first.T)]
        ijk = np.argwhere(np.ones(3 * (_BLOCK,), bool))
        middle = (_BLOCK - 1) / 2
        radius = np.linalg.norm((ijk - middle) @ affine[:3, :3].T, axis=1).max()
        return cls(
            numbers.reshape(len(first), -1),
            to_mm(affine, first * _BLOCK).T[:, :, np.newaxis],
            (ijk @ affine[:3, :3].T).T[:, np.newaxis],
            to_mm(affine, first * _BLOCK + middle).T,
            float(radius),
        )

    def nearest(self, place: NDArray[np.float64]) -> tuple[int, float]:
        """Return the region of the nearest voxel, and how far that is."""
        apart = _length(self.centres - place[:, np.newaxis])
        # Whatever is nearer than a voxel of the nearest block is in one of these.
        nearest = self._apart(place, np.array([apart.argmin()])).min()
        near = np.flatnonzero(apart <= nearest + self.radius + _SLACK)
        within = self._apart(place, near)
        least = within.min()
        return self.numbers[near][within == least].min(), least

    def _apart(
        self, place: NDArray[np.float64], blocks: NDArray[np.intp]
    ) -> NDArray[np.float64]:
        """Return how far voxels are, infinity for those in no region."""
        first = self.first[:, blocks] - place[:, np.newaxis, np.newaxis]
        apart = _length(first + self.steps).round(_DECIMALS)
        apart[self.numbers[blocks] == 0] = np.inf
        return apart


def _length(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the lengths of vectors, whose first axis has x, y and z."""
    x, y, z = vectors
    length: NDArray[np.float64] = np.sqrt(x * x + y * y + z * z)
    return length


def columns_of(
    name: str, regions: Sequence[str], laid: Laid, is_first: NDArray[np.bool_]
) -> dict[str, NDArray[Any]]:
    """Make the columns of an atlas.

    Parameters
    ----------
    name : str
    regions : sequence of str
        Their names, by number.
    laid : Laid
    is_first : numpy.ndarray of bool, shape (rows,)
        Which rows are those of clusters, in the order of their numbers.

    Returns
    -------
    dict
        By the names of the columns, one value for each row.
    """
    shares = np.full(is_first.size, "", dtype=object)
    shares[is_first] = _shares(laid, regions, int(is_first.sum()))
    columns: dict[str, NDArray[Any]] = {
        "region": np.array(regions, dtype=np.str_)[laid.numbers],
        "distance": laid.distances,
        "regions": shares.astype(np.str_),
    }
    if laid.probability is not None:
        columns["probability"] = laid.probability
    return {f"{name}_{what}": values for what, values in columns.items()}


def _shares(laid: Laid, regions: Sequence[str], count: int) -> list[str]:
    """Write which share of each cluster lies in which region, the largest first."""
    width = len(regions)
    pairs, sizes = np.unique(laid.clusters * width + laid.regions, return_counts=True)
    of_cluster, number = np.divmod(pairs, width)
    extents = np.bincount(laid.clusters, minlength=count)
    order = np.lexsort((number, -sizes, of_cluster))
    written: list[list[str]] = [[] for _ in range(count)]
    for place in order.tolist():
        cluster = of_cluster[place]
        percent = 100 * sizes[place] / extents[cluster]
        text = "<1" if percent < 1 else f"{percent:.0f}"
        region = regions[number[place]] or _NO_REGION
        written[cluster].append(f"{region} {text}%")
    return ["; ".join(texts) for texts in written]


def warn_of_space(name: str, space: str | None, of_map: str | None) -> None:
    """Warn of an atlas that says that it is in another space than a map."""
    if None in (space, of_map):
        return
    # fsaverage5 and the like are fsaverage with fewer vertices.
    spaces = {
        re.sub(r"^(fsaverage)\d$", r"\1", one.lower())
        for one in (str(space), str(of_map))
    }
    if len(spaces) > 1:
        warn(
            f"The map is in the space {of_map} and the atlas {name!r} in {space}; "
            "names of regions may be wrong."
        )


def check_overlap(
    atlas: Atlas, affine: NDArray[np.float64], shape: tuple[int, ...]
) -> None:
    """Warn of an atlas that may lie elsewhere than a map.

    Parameters
    ----------
    atlas : Atlas
    affine : numpy.ndarray of shape (4, 4)
    shape : tuple of int
        Of the map.

    Raises
    ------
    ValueError
        They have no place in common.
    """
    is_region = atlas.numbers != 0
    of_map = sampled(_everywhere(is_region.shape), atlas.affine, affine, shape).mean()
    in_map = sampled(_everywhere(shape), affine, atlas.affine, is_region.shape)
    of_regions = np.count_nonzero(in_map & is_region) / np.count_nonzero(is_region)
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


def _everywhere(shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return a mask of all voxels, in no memory."""
    return np.broadcast_to(np.True_, shape)
