"""Where millimetres meet voxels: planes, edges and bounds of a volume.

A voxel is a box, not a point: voxel ``i`` covers ``i - 0.5`` to ``i + 0.5``, and
every extent and bound in this file is the *edge* of such a box. A plane is read
straight from the voxels through the inverse affine; the volume itself is never
resampled. So a drawn value is one that the map has (nearest), or a blend of
neighbours (linear).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["PLANE_AXES", "Bounds", "PlaneGrid", "Volume", "union"]

FloatArray = npt.NDArray[np.float64]
#: (3, 2) array: lowest and highest x, y and z, in mm.
Bounds = FloatArray

#: The mm axes that a panel of each direction shows: (across, up).
PLANE_AXES = {"x": (1, 2), "y": (0, 2), "z": (0, 1)}

# An affine counts as axis-aligned when treating it so moves no voxel by more than
# this part of a voxel; headers that went through a quaternion are rarely exact.
_ALIGNED = 0.01
# Rounding noise of an affine and its inverse, in voxels.
_NOISE = 1e-6
# A panel is some hundred pixels wide: finer sampling than this is never seen.
_MOST_PIXELS = 600


@dataclass(frozen=True)
class PlaneGrid:
    """The pixels of one panel.

    Parameters
    ----------
    direction : {"x", "y", "z"}
        The axis that the plane cuts.
    coord : float
        Where it cuts it, in mm.
    across, up : numpy.ndarray of shape (n,), float64
        Pixel centres in mm, rising by equal steps.
    """

    direction: str
    coord: float
    across: FloatArray
    up: FloatArray
    steps: tuple[float, float]

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """Left, right, bottom and top pixel edges in mm, as ``imshow`` wants."""
        half_across, half_up = self.steps[0] / 2, self.steps[1] / 2
        return (
            float(self.across[0] - half_across),
            float(self.across[-1] + half_across),
            float(self.up[0] - half_up),
            float(self.up[-1] + half_up),
        )

    def padded(self) -> PlaneGrid:
        """Return the same grid with one more pixel on each of the four sides."""
        return PlaneGrid(
            self.direction,
            self.coord,
            _padded(self.across, self.steps[0]),
            _padded(self.up, self.steps[1]),
            self.steps,
        )


@dataclass(frozen=True)
class Volume:
    """Voxels and the affine that places them.

    Parameters
    ----------
    data : numpy.ndarray of shape (i, j, k)
        Finite real voxels in any memory order. Never written to.
    affine : numpy.ndarray of shape (4, 4), float64
        Voxel indices to mm.
    """

    data: npt.NDArray[Any]
    affine: FloatArray

    @cached_property
    def _aligned(self) -> FloatArray | None:
        """The affine without its rounding noise, None when it is oblique."""
        linear = self.affine[:3, :3]
        rows = np.abs(linear).argmax(axis=0)
        if len(set(rows.tolist())) < 3:
            return None
        clean = np.zeros((3, 3))
        clean[rows, range(3)] = linear[rows, range(3)]
        steps = np.abs(clean).sum(axis=1)
        drift = np.abs(linear - clean) @ np.asarray(self.data.shape)
        if np.any(drift > _ALIGNED * steps):
            return None
        affine = np.array(self.affine, dtype=np.float64)
        affine[:3, :3] = clean
        return affine

    @property
    def is_aligned(self) -> bool:
        """Whether the voxel axes run along x, y and z, in whatever order and sign."""
        return self._aligned is not None

    @cached_property
    def _to_mm(self) -> FloatArray:
        return self.affine if self._aligned is None else self._aligned

    @cached_property
    def _to_voxels(self) -> FloatArray:
        return np.asarray(np.linalg.inv(self._to_mm), dtype=np.float64)

    @cached_property
    def zooms(self) -> FloatArray:
        """Voxel sizes in mm along the three voxel axes, shape (3,)."""
        sizes: FloatArray = np.sqrt((self._to_mm[:3, :3] ** 2).sum(axis=0))
        return sizes

    @cached_property
    def is_integer(self) -> bool:
        """Whether all values are whole numbers: labels, masks, counts.

        Labels cannot be blended: there is no label between two others.
        """
        if self.data.dtype.kind in "biu":
            return True
        sample = self.data.ravel(order="K")
        # Most maps show a fraction within the first non-zero values.
        for part in (sample[:: max(sample.size // 1000, 1)], sample):
            if (part != np.rint(part)).any():
                return False
        return True

    @cached_property
    def mask(self) -> Volume:
        """1 where the volume is not 0, and 0 elsewhere."""
        return Volume((self.data != 0).astype(np.float32), self.affine)

    @cached_property
    def _half_voxel(self) -> FloatArray:
        """Half the size in mm of the box around a voxel, along x, y and z."""
        half: FloatArray = 0.5 * np.abs(self._to_mm[:3, :3]).sum(axis=1)
        return half

    def mm(self, ijk: npt.ArrayLike) -> FloatArray:
        """Return the mm coordinates of voxel indices, shape (..., 3) to (..., 3)."""
        points: FloatArray = (
            np.asarray(ijk, dtype=np.float64) @ self._to_mm[:3, :3].T
            + self._to_mm[:3, 3]
        )
        return points

    @cached_property
    def bounds(self) -> Bounds:
        """The edges of the field of view in mm, shape (3, 2).

        Examples
        --------
        >>> Volume(np.zeros((2, 3, 4)), np.diag([3.0, 3, 3, 1])).bounds.tolist()
        [[-1.5, 4.5], [-1.5, 7.5], [-1.5, 10.5]]
        """
        ends = [(0, size - 1) for size in self.data.shape]
        corners = self.mm(list(product(*ends)))
        return _around(corners, self._half_voxel)

    @cached_property
    def content_bounds(self) -> Bounds | None:
        """The edges in mm of the box that holds every non-zero voxel.

        None when all voxels are 0. Exact for an oblique affine too: along a column
        of voxels mm coordinates rise or fall steadily, so only the first and the
        last non-zero voxel of each column can be an extreme.
        """
        shown = self.data != 0
        columns = shown.any(axis=0)
        if not columns.any():
            return None
        first = shown.argmax(axis=0)[columns]
        last = len(shown) - 1 - shown[::-1].argmax(axis=0)[columns]
        j, k = np.nonzero(columns)
        ends = np.concatenate(
            [np.stack([first, j, k], axis=1), np.stack([last, j, k], axis=1)]
        )
        return _around(self.mm(ends), self._half_voxel)

    def step(self, axis: int) -> float:
        """Return the distance in mm from slice to slice along x, y or z (0, 1, 2)."""
        if self._aligned is not None:
            return self._voxel_line(axis)[1]
        return float(self.zooms.min())

    def voxel_axis(self, axis: int) -> int:
        """Return the voxel axis that runs most along x, y or z (0, 1, 2)."""
        return int(np.abs(self._to_mm[axis, :3]).argmax())

    def slices(self, axis: int) -> tuple[FloatArray, npt.NDArray[np.intp]]:
        """Return the slices along x, y or z (0, 1, 2), and the slice of each voxel.

        Returns
        -------
        coords : numpy.ndarray of shape (n,), float64
            Where the slices are in mm, one :meth:`step` apart.
        numbers : numpy.ndarray, integer
            The index of its slice for each voxel; broadcasts to the shape of the data.
        """
        if self._aligned is not None:
            row, voxel_axis = self._aligned[axis], self.voxel_axis(axis)
            shape = [1, 1, 1]
            shape[voxel_axis] = self.data.shape[voxel_axis]
            numbers = np.arange(self.data.shape[voxel_axis])
            return row[3] + row[voxel_axis] * numbers, numbers.reshape(shape)
        low, high = self.bounds[axis]
        step = self.step(axis)
        count = max(round((high - low) / step), 1)
        i, j, k = np.ogrid[tuple(map(slice, self.data.shape))]
        row = self._to_mm[axis]
        mm = row[0] * i + row[1] * j + row[2] * k + row[3]
        numbers = np.floor((mm - low) / step).astype(np.intp).clip(0, count - 1)
        return low + step * (np.arange(count) + 0.5), numbers

    def contains(self, direction: str, coord: float) -> bool:
        """Whether a cut at ``coord`` mm meets the field of view, edges included."""
        low, high = self.bounds["xyz".index(direction)]
        return bool(low - _NOISE <= coord <= high + _NOISE)

    def grid(
        self, direction: str, coord: float, view: Bounds, *, per_voxel: int = 1
    ) -> PlaneGrid:
        """Return the pixels that show this volume best in one plane.

        Axis-aligned voxels are drawn one to one, whole plane. An oblique volume has
        no such grid: it gets square pixels of the smallest voxel size divided by
        ``per_voxel``, over the part of ``view`` (mm) that it covers.
        """
        axes = PLANE_AXES[direction]
        if self._aligned is not None:
            lines = [self._voxel_line(axis) for axis in axes]
        else:
            lines = [self._mm_line(axis, view, per_voxel) for axis in axes]
        (across, across_step), (up, up_step) = lines
        return PlaneGrid(direction, coord, across, up, (across_step, up_step))

    def nearest(self, grid: PlaneGrid) -> np.ma.MaskedArray[Any, Any]:
        """Return the voxel that holds each pixel's centre, masked outside.

        Shape (up, across), rows rising (``origin="lower"``), the volume's dtype.
        """
        index = []
        inside: Any = True
        for position, size in zip(self._positions(grid), self.data.shape, strict=True):
            # `+ _NOISE` lets a centre on an edge fall on the same side everywhere.
            voxel = np.floor(position + (0.5 + _NOISE)).astype(np.intp)
            # The outer edge belongs to the outermost voxel.
            on_edge = np.abs(position - (size - 0.5)) <= _NOISE
            voxel = voxel - on_edge
            inside = inside & (voxel >= 0) & (voxel < size)
            index.append(voxel.clip(0, size - 1))
        return _masked(self.data[tuple(index)], inside, grid)

    def linear(self, grid: PlaneGrid) -> np.ma.MaskedArray[Any, Any]:
        """Return values blended linearly between voxel centres, masked outside.

        Shape (up, across), rows rising, float32 (float64 for float64 voxels). In
        the outer half of the outermost voxels the value is that of their centre.
        """
        dtype: Any = np.float64 if self.data.dtype == np.float64 else np.float32
        corners: list[list[tuple[Any, Any]]] = []
        inside: Any = True
        for position, size in zip(self._positions(grid), self.data.shape, strict=True):
            position = np.round(position, 6)
            inside = inside & (position >= -0.5) & (position <= size - 0.5)
            position = position.clip(0, size - 1)
            low = np.floor(position).astype(np.intp)
            share = (position - low).astype(dtype)
            if share.any():
                high = np.minimum(low + 1, size - 1)
                corners.append([(low, 1 - share), (high, share)])
            else:  # on the centres: this axis needs no blending
                corners.append([(low, 1 - share)])
        shape = (len(grid.up), len(grid.across))
        plane = np.zeros(shape, dtype=dtype)
        for (i, wi), (j, wj), (k, wk) in product(*corners):
            plane += (wi * wj * wk) * self.data[i, j, k].astype(dtype, copy=False)
        return _masked(plane, inside, grid)

    def _positions(self, grid: PlaneGrid) -> list[FloatArray]:
        """Voxel coordinates of the pixel centres, one array per voxel axis.

        Each array holds only the dimensions along which it varies (shape 1 in the
        others), so that an axis-aligned plane costs two vectors and a number.
        """
        across_axis, up_axis = PLANE_AXES[grid.direction]
        cut_axis = "xyz".index(grid.direction)
        across, up = grid.across[np.newaxis, :], grid.up[:, np.newaxis]
        positions = []
        for row in self._to_voxels[:3]:
            position = np.full((1, 1), row[cut_axis] * grid.coord + row[3])
            if row[across_axis] != 0:
                position = position + row[across_axis] * across
            if row[up_axis] != 0:
                position = position + row[up_axis] * up
            positions.append(position)
        return positions

    def _voxel_line(self, axis: int) -> tuple[FloatArray, float]:
        """Centres along a mm axis of an aligned volume, rising, and their step."""
        row, voxel_axis = self._to_mm[axis], self.voxel_axis(axis)
        step = float(row[voxel_axis])
        centres = row[3] + step * np.arange(self.data.shape[voxel_axis])
        return (centres if step > 0 else centres[::-1]), abs(step)

    def _mm_line(
        self, axis: int, view: Bounds, per_voxel: int
    ) -> tuple[FloatArray, float]:
        """Centres in mm over the covered part of the view, and their step."""
        low = max(self.bounds[axis, 0], view[axis, 0])
        high = max(min(self.bounds[axis, 1], view[axis, 1]), low)
        longest = float((view[:, 1] - view[:, 0]).max())
        step = max(float(self.zooms.min()) / per_voxel, longest / _MOST_PIXELS)
        count = max(int(np.ceil((high - low) / step - _NOISE)), 1)
        return low + step * (np.arange(count) + 0.5), step


def union(boxes: Sequence[Bounds]) -> Bounds:
    """Return the smallest box that holds all of ``boxes`` (mm, shape (3, 2))."""
    stack = np.stack(boxes)
    return np.stack([stack[:, :, 0].min(axis=0), stack[:, :, 1].max(axis=0)], axis=1)


def _masked(
    plane: npt.NDArray[Any], inside: npt.NDArray[np.bool_], grid: PlaneGrid
) -> np.ma.MaskedArray[Any, Any]:
    shape = (len(grid.up), len(grid.across))
    return np.ma.array(
        np.broadcast_to(plane, shape).copy(), mask=~np.broadcast_to(inside, shape)
    )


def _around(points: FloatArray, margin: FloatArray) -> Bounds:
    low, high = points.min(axis=0) - margin, points.max(axis=0) + margin
    return np.stack([low, high], axis=1)


def _padded(centres: FloatArray, step: float) -> FloatArray:
    return np.concatenate([[centres[0] - step], centres, [centres[-1] + step]])
