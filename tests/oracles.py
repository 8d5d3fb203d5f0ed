"""Slow, obvious twins of what the core does, and calls of other packages."""

import itertools
import warnings
from fractions import Fraction
from typing import Any

import numpy as np
from nilearn import image as nilearn_image
from scipy import ndimage

NEIGHBOURS = {6: 1, 18: 2, 26: 3}


def finite(data: np.ndarray) -> np.ndarray:
    """A native copy in which NaN and infinities are zero."""
    data = data.astype(data.dtype.newbyteorder("="))
    if data.dtype.kind == "f":
        data[~np.isfinite(data)] = 0
    return data


def signs(data: np.ndarray, level: float, two_sided: bool) -> list[np.ndarray]:
    """The voxels that pass on each side, as NumPy compares them; zeros never."""
    data = finite(data)
    with np.errstate(over="ignore"):
        positive = (data >= level) & (data > 0)
        negative = (data <= -abs(level)) & (data < 0)
    if two_sided:
        return [positive, negative]
    return [positive] if level >= 0 else [negative]


def threshold(
    data: np.ndarray,
    level: float,
    *,
    cluster_threshold: int = 0,
    two_sided: bool = True,
    connectivity: int = 6,
    mask: np.ndarray | None = None,
) -> np.ndarray:
    """Thresholding with SciPy's labels, one volume at a time."""
    if data.ndim == 4:
        result = np.zeros(data.shape, data.dtype.newbyteorder("="))
        for volume in range(data.shape[3]):
            result[..., volume] = threshold(
                data[..., volume],
                level,
                cluster_threshold=cluster_threshold,
                two_sided=two_sided,
                connectivity=connectivity,
                mask=mask,
            )
        return result
    structure = ndimage.generate_binary_structure(3, NEIGHBOURS[connectivity])
    kept = np.zeros(data.shape, bool)
    for passing in signs(data, level, two_sided):
        if mask is not None:
            passing &= mask != 0
        labels, _ = ndimage.label(passing, structure)
        extents = np.bincount(labels.ravel(), minlength=1)
        extents[0] = 0
        kept |= (extents >= max(cluster_threshold, 1))[labels]
    return np.where(kept, finite(data), 0).astype(data.dtype.newbyteorder("="))


def clusters(
    data: np.ndarray,
    level: float,
    *,
    cluster_threshold: int = 0,
    two_sided: bool = True,
    connectivity: int = 6,
    mask: np.ndarray | None = None,
) -> list[dict[tuple[int, ...], int | float]]:
    """The clusters in their order, each with its values by voxel, from SciPy's labels.

    Values are numbers of Python, which are exact.
    """
    structure = ndimage.generate_binary_structure(3, NEIGHBOURS[connectivity])
    found = []
    for passing in signs(data, level, two_sided):
        if mask is not None:
            passing &= mask != 0
        labels, count = ndimage.label(passing, structure)
        for number in range(1, count + 1):
            voxels = map(tuple, np.argwhere(labels == number).tolist())
            found.append({voxel: data[voxel].item() for voxel in voxels})
    found = [voxels for voxels in found if len(voxels) >= cluster_threshold]
    return sorted(found, key=lambda voxels: (-len(voxels), strongest(voxels)[0]))


def strongest(voxels: dict[tuple[int, ...], Any]) -> list[tuple[Any, ...]]:
    """The voxels of a cluster, the strongest first, as (-abs(value), voxel)."""
    return sorted((-abs(value), voxel) for voxel, value in voxels.items())


def table_rows(
    found: list[dict[tuple[int, ...], int | float]],
    affine: np.ndarray,
    *,
    min_distance: float,
    max_peaks: int,
) -> list[dict[str, Any]]:
    """The rows of the table of clusters, from exact fractions."""
    rows = []
    for number, voxels in enumerate(found, start=1):
        exact = {voxel: Fraction(value) for voxel, value in voxels.items()}
        mass = sum(exact.values())
        centre = [
            float(sum(value * voxel[axis] for voxel, value in exact.items()) / mass)
            for axis in range(3)
        ]
        of_cluster = {
            "extent": len(voxels),
            "volume_mm3": len(voxels) * abs(np.linalg.det(affine[:3, :3])),
            "mean": float(mass / len(voxels)),
            "mass": float(mass),
            **dict(
                zip(("com_x", "com_y", "com_z"), in_mm(affine, centre), strict=True)
            ),
        }
        listed: list[tuple[int, ...]] = []
        for height, voxel in strongest(voxels):
            around = [
                tuple(np.add(voxel, step))
                for step in itertools.product((-1, 0, 1), repeat=3)
                if any(step)
            ]
            if any(
                (-abs(voxels[other]), other) < (height, voxel)
                for other in around
                if other in voxels
            ):
                continue
            place = in_mm(affine, voxel)
            if len(listed) < max_peaks and all(
                round(np.linalg.norm(place - in_mm(affine, other)), 6) >= min_distance
                for other in listed
            ):
                row = {
                    "id": f"{number}{'abcdefghijklmnopqrstuvwxyz'[len(listed) - 1]}"
                    if listed
                    else str(number),
                    "sign": 1 if voxels[voxel] > 0 else -1,
                    **dict(zip("xyz", place, strict=True)),
                    **dict(zip("ijk", voxel, strict=True)),
                    "peak": float(voxels[voxel]),
                }
                missing = dict.fromkeys(of_cluster, np.nan)
                rows.append(row | (missing if listed else of_cluster))
                listed.append(voxel)
    return rows


def in_mm(affine: np.ndarray, ijk: Any) -> np.ndarray:
    """The place of a voxel."""
    return affine[:3, :3] @ ijk + affine[:3, 3]


def sampled(
    mask: np.ndarray,
    affine: np.ndarray,
    target_affine: np.ndarray,
    shape: tuple[int, ...],
) -> np.ndarray:
    """A mask on another grid, voxel by voxel: that of the box that a centre lies in."""
    found = np.zeros(shape, bool)
    for voxel in np.ndindex(*shape):
        place = np.linalg.inv(affine) @ target_affine @ [*voxel, 1]
        position = [round(along, 6) for along in place[:3].tolist()]
        boxes = [
            min(int(np.floor(along + 0.5)), length - 1)
            for along, length in zip(position, mask.shape, strict=True)
            if -0.5 <= along <= length - 0.5
        ]
        found[voxel] = len(boxes) == 3 and mask[tuple(boxes)]
    return found


def tfce(
    data: np.ndarray,
    *,
    E: float = 0.5,  # noqa: N803
    H: float = 2.0,  # noqa: N803
    connectivity: int = 6,
    two_sided: bool = True,
    mask: np.ndarray | None = None,
) -> np.ndarray:
    """The integral as a sum over all heights of the map, each labelled by SciPy."""
    if data.ndim == 4:
        words = {"E": E, "H": H, "connectivity": connectivity, "mask": mask}
        scores = np.zeros(data.shape)
        for volume in range(data.shape[3]):
            scores[..., volume] = tfce(data[..., volume], two_sided=two_sided, **words)
        return scores
    structure = ndimage.generate_binary_structure(3, NEIGHBOURS[connectivity])
    values = finite(data).astype(np.float64)
    if mask is not None:
        values[mask == 0] = 0
    scores = np.zeros(data.shape)
    for sign in (1, -1) if two_sided else (1,):
        below = 0.0
        for height in np.unique((sign * values)[sign * values > 0]):
            labels, _ = ndimage.label(sign * values >= height, structure)
            extents = np.bincount(labels.ravel()).astype(np.float64)
            extents[0] = 0
            slab = (height ** (H + 1) - below ** (H + 1)) / (H + 1)
            scores += np.where(labels > 0, sign * (extents**E * slab)[labels], 0)
            below = height
    return scores


def nilearn_threshold_img(*args: Any, **kwargs: Any) -> tuple[Any, list[type]]:
    """nilearn's result, or its exception, and the categories of its warnings."""
    return call(nilearn_image.threshold_img, *args, **kwargs)


def call(function: Any, *args: Any, **kwargs: Any) -> tuple[Any, list[type]]:
    """A call's result, or its exception, and the categories of its warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = function(*args, **kwargs)
        except Exception as error:
            result = error
    return result, sorted(
        (warning.category for warning in caught), key=lambda category: category.__name__
    )
