"""Where one cluster ends in a plane: lines along the borders of its pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from nithresh.plotting.geometry import PlaneGrid

__all__ = ["outlines"]


def outlines(plane: npt.NDArray[Any], grid: PlaneGrid) -> npt.NDArray[np.float64]:
    """Return the lines between pixels of different clusters.

    Parameters
    ----------
    plane : numpy.ndarray of shape (up, across), integer
        The number of its cluster at each pixel, 0 for none; outside counts as 0.
    grid : PlaneGrid
        Where those pixels are.

    Returns
    -------
    numpy.ndarray of shape (lines, 2, 2), float64
        Start and end of each, (across, up) in mm. As few as there can be: edges in
        line that follow one another are one line.

    Examples
    --------
    >>> from nithresh.plotting.geometry import PlaneGrid
    >>> grid = PlaneGrid("z", 0.0, np.array([0.0, 2, 4]), np.array([10.0]), (2.0, 2.0))
    >>> for line in outlines(np.array([[0, 1, 1]]), grid): print(line.tolist())
    [[1.0, 9.0], [1.0, 11.0]]
    [[5.0, 9.0], [5.0, 11.0]]
    [[1.0, 9.0], [5.0, 9.0]]
    [[1.0, 11.0], [5.0, 11.0]]
    """
    numbers = np.pad(plane, 1)
    upright = (numbers[1:-1, 1:] != numbers[1:-1, :-1]).T
    level = numbers[1:, 1:-1] != numbers[:-1, 1:-1]
    across = _edges(grid.across, grid.steps[0])
    up = _edges(grid.up, grid.steps[1])
    at, start, stop = _stretches(upright)
    upright_lines = [[across[at], up[start]], [across[at], up[stop]]]
    at, start, stop = _stretches(level)
    level_lines = [[across[start], up[at]], [across[stop], up[at]]]
    return np.concatenate(
        [np.array(lines).transpose(2, 0, 1) for lines in (upright_lines, level_lines)]
    )


def _edges(centres: npt.NDArray[np.float64], step: float) -> npt.NDArray[np.float64]:
    """Return the edges of pixels, shape (n + 1,), from their centres."""
    return np.append(centres - step / 2, centres[-1] + step / 2)


def _stretches(
    edges: npt.NDArray[np.bool_],
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Return the row of each stretch of True, where it starts and where it stops."""
    turns = np.diff(np.pad(edges, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    at, start = np.nonzero(turns == 1)
    _, stop = np.nonzero(turns == -1)
    return at, start, stop
