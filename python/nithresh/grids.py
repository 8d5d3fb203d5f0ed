"""Where the voxels of an image lie: millimetres, and one grid laid over another.

A voxel is a box around its centre, half a voxel to each side. Places are compared in
voxels, not in mm, and to a tolerance: affines are stored in single precision, and
quaternions are rarely exact.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nithresh._numbers import shape_text

if TYPE_CHECKING:
    from nibabel.spatialimages import SpatialImage

# The corners of two equal grids may lie this far apart, in voxels.
_SAME = 1e-3
# Positions in voxels are rounded to this many decimals, so that the rounding noise of
# an affine does not decide on which side of a border one lies.
_DECIMALS = 6
# The least volume of a voxel as a part of that of the box with the same edges. A
# singular affine that was stored in single precision is not exactly singular.
_LEAST_VOLUME = 1e-6


def affine_of(image: SpatialImage, name: str) -> NDArray[np.float64]:
    """Return the affine of an image, fit to give places and volumes in mm.

    Parameters
    ----------
    image : nibabel image
    name : str
        The argument, for errors.

    Raises
    ------
    ValueError
        There is no affine, or :func:`fault` finds one in it. The message names the
        file, and says which of the sform and the qform is at fault.
    """
    affine: NDArray[np.float64] | None = image.affine
    problem = fault_of(image)
    if affine is None or problem is not None:
        path = image.get_filename()
        called = name if path is None else f"{name} {str(path)!r}"
        msg = f"{called} has no place in mm: {problem}"
        raise ValueError(msg)
    return affine


def fault_of(image: SpatialImage) -> str | None:
    """Say why the affine of an image gives no places in mm; None if it does."""
    affine = image.affine
    if affine is None:
        return "it has no affine"
    problem = fault(affine)
    if problem is None:
        return None
    header: Any = image.header
    # The affine of a NIfTI image is the sform or, if its code is 0, the qform.
    forms = {}
    for form in ("sform", "qform"):
        try:
            forms[form] = getattr(header, f"get_{form}")(coded=True)
        except (AttributeError, ValueError):
            # Not NIfTI, or an invalid quaternion.
            forms[form] = None, 0
    for form, other in (("sform", "qform"), ("qform", "sform")):
        matrix, code = forms[form]
        if matrix is None:
            continue
        if not np.array_equal(matrix, affine, equal_nan=True):
            break
        found = f"the {form} of its header (code {code}) {problem}"
        matrix, code = forms[other]
        if other == "qform" and matrix is not None and fault(matrix) is None:
            return (
                f"{found}; the qform (code {code}) can be used: choose it with "
                "img.set_sform(None) in nibabel, or fslorient -copyqform2sform"
            )
        state = "is not in use (code 0)" if matrix is None else fault(matrix)
        return f"{found}, and the {other} {state}"
    return f"its affine {problem}"


def fault(affine: NDArray[np.float64]) -> str | None:
    """Say why an affine of shape (4, 4) gives no places in mm; None if it does."""
    if not np.isfinite(affine).all():
        return "has numbers that are not finite"
    if not affine[:3, :3].any():
        return "is zero"
    if affine[3].tolist() != [0, 0, 0, 1]:
        return f"has the last row {affine[3].tolist()}, which must be 0, 0, 0, 1"
    with np.errstate(over="ignore", under="ignore"):
        volume = abs(determinant(affine))
        box = float(np.prod(np.sqrt((affine[:3, :3] ** 2).sum(axis=0))))
    if not _LEAST_VOLUME * box < volume < np.inf:
        return "is singular: it gives voxels no volume"
    edge = np.sqrt((affine[:3, :3] ** 2).sum(axis=0)).min()
    if np.spacing(np.abs(affine[:3, 3])).max() > _SAME * edge:
        return "lies so far from 0 that its voxels have the same places in mm"
    return None


def determinant(affine: NDArray[np.float64]) -> float:
    """Return the determinant of the linear part of an affine.

    Written out: then that of voxels of 2 mm is 8, and not a little less.
    """
    (a, b, c), (d, e, f), (g, h, i) = affine[:3, :3].tolist()
    return float(a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g))


def to_mm(affine: NDArray[np.float64], ijk: NDArray[Any]) -> NDArray[np.float64]:
    """Return the places in mm of voxel indices, both of shape (n, 3).

    Summed in this order on every machine, which a matrix product is not.
    """
    i, j, k = ijk.T[:, :, np.newaxis].astype(np.float64)
    columns = affine[:3].T
    places: NDArray[np.float64] = (
        i * columns[0] + j * columns[1] + k * columns[2] + columns[3]
    )
    return places


def same_grid(image: SpatialImage, other: SpatialImage) -> bool:
    """Whether the voxels of two images lie at the same places.

    They do if the shapes are equal and the centres of the voxels at all corners agree
    to 1e-3 of a voxel of `other`, along each of its axes.
    """
    return difference(image, other) is None


def difference(image: SpatialImage, other: SpatialImage) -> str | None:
    """Say what differs between the grids of two images, and by how many mm.

    None where :func:`same_grid` holds.
    """
    differences = []
    shape, expected = image.shape[:3], other.shape[:3]
    if shape != expected:
        differences.append(
            f"its shape is {shape_text(shape)}, not {shape_text(expected)}"
        )
    affine, wanted = image.affine, other.affine
    if affine is None or wanted is None:
        if affine is not None or wanted is not None:
            differences.append("one of the two has no affine")
    elif not np.array_equal(affine, wanted, equal_nan=True):
        faults = fault(affine), fault(wanted)
        if any(faults):
            differences.append(
                f"its affine {faults[0]}"
                if faults[0]
                else f"the affine of the other {faults[1]}"
            )
        else:
            apart = _corners(affine, expected) - _corners(wanted, expected)
            voxels = np.linalg.solve(wanted[:3, :3], apart)
            if (abs(voxels).round(_DECIMALS) > _SAME).any():
                mm = np.sqrt((apart**2).sum(axis=0)).max()
                differences.append(f"its affine puts voxels up to {mm:.4g} mm away")
    return " and ".join(differences) or None


def _corners(
    affine: NDArray[np.float64], shape: tuple[int, ...]
) -> NDArray[np.float64]:
    """Return the places in mm of the voxels at the corners, shape (3, 8)."""
    ends = [(0, max(length - 1, 0)) for length in shape]
    return to_mm(affine, np.array(list(product(*ends)))).T


def sampled(
    values: NDArray[Any],
    affine: NDArray[np.float64],
    target_affine: NDArray[np.float64],
    target_shape: tuple[int, ...],
) -> NDArray[Any]:
    """Sample a mask or labels at the voxel centres of another grid.

    A centre takes the value of the voxel whose box holds it; outside of all boxes it is
    False or 0. On the border of two boxes it belongs to the one with the larger
    index, and on the outer border of the volume to the outermost one. Positions are
    rounded to 1e-6 of a voxel first.

    Parameters
    ----------
    values : numpy.ndarray of bool or integers, shape (x, y, z)
    affine, target_affine : numpy.ndarray of shape (4, 4)
        Of the values, and of the grid to sample it at; both without a :func:`fault`.
    target_shape : tuple of int
    """
    steps = np.linalg.solve(affine[:3, :3], target_affine[:3, :3])
    first = np.linalg.solve(affine[:3, :3], target_affine[:3, 3] - affine[:3, 3])
    is_inside = np.ones(target_shape, np.bool_)
    indices = []
    for axis, length in enumerate(values.shape):
        position: Any = first[axis]
        for along, step in enumerate(steps[axis]):
            if step != 0:
                line = np.arange(target_shape[along]) * step
                # Axes along which nothing changes keep the length 1.
                position = position + line.reshape(np.roll((-1, 1, 1), along))
        position = np.round(position, _DECIMALS)
        is_inside &= (position >= -0.5) & (position <= length - 0.5)
        nearest = np.floor(position.clip(0, length - 1) + 0.5)
        indices.append(nearest.astype(np.intp))
    target: NDArray[Any] = values[tuple(indices)] * is_inside
    return target


def voxels_at(
    affine: NDArray[np.float64], shape: tuple[int, ...], xyz: NDArray[np.float64]
) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Return the voxels whose boxes hold places in mm, by the rules of :func:`sampled`.

    Parameters
    ----------
    affine : numpy.ndarray of shape (4, 4)
        Without a :func:`fault`.
    shape : tuple of int
        Of the volume.
    xyz : numpy.ndarray of shape (n, 3)

    Returns
    -------
    ijk : numpy.ndarray of int, shape (n, 3)
        Of a place outside of all boxes, some voxel.
    is_inside : numpy.ndarray of bool, shape (n,)
        Whether a place lies in a box.
    """
    ends = np.array(shape) - 1
    positions = np.linalg.solve(affine[:3, :3], (xyz - affine[:3, 3]).T).T
    positions = np.round(positions, _DECIMALS)
    is_inside: NDArray[np.bool_] = np.all(
        (positions >= -0.5) & (positions <= ends + 0.5), axis=1
    )
    ijk = np.floor(positions.clip(0, ends) + 0.5).astype(np.intp)
    return ijk, is_inside
