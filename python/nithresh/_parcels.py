"""Clusters that end at the borders of parcels.

The core knows masks and no parcels. So parcels get colours, as countries on a map do:
those that touch have different ones. Parcels of one colour are far enough from each
other to be one mask, and no cluster reaches from one to another. There are a few
colours, however many parcels there are, and the core looks at the map once for each.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nithresh._connectivity import half_steps
from nithresh._open import OpenMap
from nithresh.atlas.labels import as_labels, replaced, values_in
from nithresh.grids import affine_of, same_grid, sampled
from nithresh.images import open_image, read_volume


def read_parcels(within: Any, opened: OpenMap) -> NDArray[np.int64]:
    """Read a label image on the grid of a map; 0 is no parcel.

    On another grid it is taken at the voxel centres of the map.

    Raises
    ------
    TypeError
        Neither a path nor an image.
    ValueError
        A label that is not an integer; no parcel in the map.
    """
    image = open_image(within, name="within")
    data = read_volume(image, name="within")
    parcels = as_labels(data, "the labels of within")
    if not same_grid(image, opened.image):
        affine = affine_of(image, "within")
        parcels = sampled(parcels, affine, opened.affine, opened.voxels.shape)
    if not parcels.any():
        msg = "within has no parcel in the map: all labels at its voxels are 0"
        raise ValueError(msg)
    return parcels


def colours_of(
    parcels: NDArray[np.int64], connectivity: int
) -> Iterator[NDArray[np.bool_]]:
    """Go through the colours of parcels, each as a mask.

    No voxel has a neighbour of the same colour in another parcel.
    """
    labels = values_in(parcels)
    numbers = replaced(parcels, labels, np.arange(labels.size, dtype=np.int32))
    none = int(np.searchsorted(labels, 0)) if (labels == 0).any() else -1
    pairs = _touching(numbers, len(labels), connectivity)
    neighbours: list[set[int]] = [set() for _ in labels]
    for one, other in pairs.tolist():
        neighbours[one].add(other)
        neighbours[other].add(one)
    colours = np.full(len(labels), -1, np.intp)
    # Those with many neighbours first, which needs fewer colours.
    for number in sorted(range(len(labels)), key=lambda one: -len(neighbours[one])):
        if number == none:
            continue
        taken = {int(colours[other]) for other in neighbours[number] if other != none}
        colours[number] = next(one for one in range(len(taken) + 1) if one not in taken)
    of_voxels = colours[numbers]
    for colour in range(int(colours.max()) + 1):
        yield of_voxels == colour


def _touching(numbers: NDArray[Any], count: int, connectivity: int) -> NDArray[np.intp]:
    """Return the pairs of different numbers at neighbours, shape (pairs, 2)."""
    codes = []
    for step in half_steps(connectivity):
        here = tuple(
            slice(None, -1) if one > 0 else slice(1, None) if one < 0 else slice(None)
            for one in step
        )
        there = tuple(
            slice(1, None) if one > 0 else slice(None, -1) if one < 0 else slice(None)
            for one in step
        )
        one, other = numbers[here], numbers[there]
        differ = one != other
        codes.append(np.unique(one[differ].astype(np.intp) * count + other[differ]))
    pairs = np.unique(np.concatenate(codes))
    return np.stack(np.divmod(pairs, count), axis=1)
