"""Where in a panel the number of each cluster is written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nithresh.plotting.geometry import PLANE_AXES
from nithresh.plotting.text import text_width

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Text

    from nithresh.plotting.geometry import Bounds, PlaneGrid

__all__ = ["Numbers", "Places", "find_places"]

FloatArray = npt.NDArray[np.float64]

# Half the height of a number with its halo, of its size.
_HALF_HEIGHT = 0.5
_HALO = 1.0  # points around a number
# Erosions; deeper in a cluster, one place is as good as another.
_DEEPEST = 8
# A number stands in a cluster that has at least this many times its area, and beside
# smaller ones.
_LEAST_SHOWN = 2.5
_NOISE = 1e-6  # mm
# Above all that is in the panel, cluster 1 above all others.
_ZORDER = 2000.0


@dataclass(frozen=True)
class Places:
    """The pixels of a cluster in a plane, where its number may be written.

    ``points`` has shape (n, 2): (across, up) in mm. The best place comes first: the
    deepest in the cluster, and of those the one nearest to the middle. ``pixel`` has
    the width and height of one in mm.
    """

    number: int
    points: FloatArray
    pixel: FloatArray

    def is_covered_by(self, half: FloatArray) -> bool:
        """Whether a box of this half size (mm) would hide much of the cluster."""
        area = len(self.points) * float(self.pixel.prod())
        return area < _LEAST_SHOWN * float((2 * half).prod())

    def beside(self, half: FloatArray) -> FloatArray:
        """Return places beside the cluster for a box of this half size, in mm."""
        low = self.points.min(axis=0) - self.pixel / 2 - half
        high = self.points.max(axis=0) + self.pixel / 2 + half
        middle = (low + high) / 2
        return np.array(
            [
                (high[0], middle[1]),
                (low[0], middle[1]),
                (middle[0], high[1]),
                (middle[0], low[1]),
                *((x, y) for x in (high[0], low[0]) for y in (high[1], low[1])),
            ]
        )


class Numbers:
    """The numbers of the clusters in one panel.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    direction : {"x", "y", "z"}
        What the panel cuts.
    places : list of Places
        One for each cluster, the most important first.
    size : float
        In points.
    """

    def __init__(
        self, ax: Axes, direction: str, places: list[Places], size: float
    ) -> None:
        from matplotlib.font_manager import FontProperties
        from matplotlib.patheffects import withStroke

        self._ax = ax
        self._axes = list(PLANE_AXES[direction])
        self._places = places
        self._others = list(ax.texts)
        digit = text_width("0", size, FontProperties())
        halo = [withStroke(linewidth=2 * _HALO, foreground="w")]
        self._texts: list[Text] = []
        self._half_sizes: list[FloatArray] = []  # points
        for place in places:
            text = str(place.number)
            across, up = place.points[0].tolist()
            self._half_sizes.append(
                np.array([len(text) * digit / 2 + _HALO, _HALF_HEIGHT * size + _HALO])
            )
            self._texts.append(
                ax.text(
                    across,
                    up,
                    text,
                    size=size,
                    color="k",
                    ha="center",
                    va="center_baseline",
                    clip_on=True,
                    path_effects=halo,
                    zorder=_ZORDER - place.number / 2**31,
                )
            )

    def place(self, view: Bounds, scale: float) -> None:
        """Put each number in its cluster, off the others and inside the panel.

        The number of a small cluster stands beside it if it hides no other cluster
        there, and otherwise where it covers least.

        Parameters
        ----------
        view : numpy.ndarray of shape (3, 2)
            What the panel shows, in mm.
        scale : float
            Points per mm.
        """
        low, high = view[self._axes].T
        taken = [_box_in_mm(text, self._ax) for text in self._others]
        pixels = np.concatenate([place.points for place in self._places])
        for place, text, half_size in zip(
            self._places, self._texts, self._half_sizes, strict=True
        ):
            half = half_size / scale
            # A cluster at the edge of a panel has its number beside its voxels, but
            # still over one of them.
            middle = (low + high) / 2
            reach = np.maximum(high - half - middle, 0)
            points = place.points
            if place.is_covered_by(half):
                others = place.beside(half)
                is_free = (np.abs(others - middle) <= reach).all(axis=1)
                is_free &= ~_any_within(pixels, others, half + place.pixel / 2)
                is_free &= _any_within(place.points, others, half + place.pixel)
                points = np.concatenate([others[is_free], points])
            points = middle + (points - middle).clip(-reach, reach)
            boxes = np.stack([points - half, points + half], axis=1)
            covered = _covered(boxes, np.array(taken).reshape(-1, 2, 2))
            best = int(covered.argmin())
            text.set_position(tuple(points[best]))
            taken.append(boxes[best])


def find_places(plane: npt.NDArray[Any], grid: PlaneGrid) -> list[Places]:
    """Return where the number of each cluster in a plane may be written.

    Parameters
    ----------
    plane : numpy.ndarray of shape (up, across), integer
        The number of its cluster at each pixel, 0 for none.
    grid : PlaneGrid
        Where those pixels are.

    Returns
    -------
    list of Places
        In the order of the numbers.

    Examples
    --------
    >>> from nithresh.plotting.geometry import PlaneGrid
    >>> line = np.array([0.0, 2, 4])
    >>> grid = PlaneGrid("z", 0.0, line, line, (2.0, 2.0))
    >>> plane = np.array([[1, 1, 1], [1, 1, 1], [1, 1, 1]])
    >>> [(place.number, place.points[0].tolist()) for place in find_places(plane, grid)]
    [(1, [2.0, 2.0])]
    """
    row, column = np.nonzero(plane)
    number = plane[row, column]
    point = np.stack([grid.across[column], grid.up[row]], axis=1)
    depth = _depth(plane)[row, column]
    order = np.argsort(number, kind="stable")
    present, first = np.unique(number[order], return_index=True)
    places = []
    for label, own in zip(
        present.tolist(), np.split(order, first[1:].tolist()), strict=True
    ):
        away = ((point[own] - point[own].mean(axis=0)) ** 2).sum(axis=1)
        # Rounded, so that ties are broken alike on every platform.
        best = np.lexsort((away.round(6), -depth[own]))
        places.append(Places(label, point[own][best], np.array(grid.steps)))
    return places


def _depth(plane: npt.NDArray[Any]) -> npt.NDArray[np.int8]:
    """Return how many pixels deep in its cluster each pixel is, up to a limit."""
    depth = np.zeros(plane.shape, np.int8)
    left = np.pad(plane, 1)
    for _ in range(_DEEPEST):
        core = left[1:-1, 1:-1]
        if not core.any():
            break
        depth += core != 0
        stays = (
            (core == left[:-2, 1:-1])
            & (core == left[2:, 1:-1])
            & (core == left[1:-1, :-2])
            & (core == left[1:-1, 2:])
        )
        left = np.pad(core * stays, 1)
    return depth


def _any_within(
    points: FloatArray, middles: FloatArray, half: FloatArray
) -> npt.NDArray[np.bool_]:
    """Return whether any point is inside each box, shape (n,)."""
    away = np.abs(points - middles[:, np.newaxis])
    within = np.all(away < half - _NOISE, axis=2)
    return np.asarray(np.any(within, axis=1))


def _covered(boxes: FloatArray, taken: FloatArray) -> FloatArray:
    """Return how much of each box is taken by others (mm^2), shape (n,)."""
    covered = np.zeros(len(boxes))
    for low, high in taken:
        overlap = np.minimum(boxes[:, 1], high) - np.maximum(boxes[:, 0], low)
        covered += overlap.clip(min=0).prod(axis=1)
    return covered


def _box_in_mm(text: Text, ax: Axes) -> FloatArray:
    """Return lower left and upper right of a text, shape (2, 2)."""
    box = text.get_window_extent().transformed(ax.transData.inverted())
    return np.sort(np.array([box.p0, box.p1]), axis=0)
