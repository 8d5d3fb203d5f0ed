"""Pictures made ready for a file: quick to draw, and small in vector files.

A smooth picture at the resolution of print takes ten times the bytes of its voxels.
In a vector file it has two pixels for each voxel instead, which the reader's program
enlarges. PostScript knows no transparency, so there the pictures of a panel are one.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.figure import Figure

__all__ = ["SMOOTH", "VECTOR", "VOXELS", "doubled", "ready_pictures"]

#: The interpolation of pictures that are smooth.
SMOOTH = "bilinear"
#: That of pictures whose pixels are voxels.
VOXELS = "nearest"

#: Formats that hold pictures at a resolution of their own.
VECTOR = ("pdf", "svg", "svgz", "eps", "ps")

_OPAQUE = ("eps", "ps")
_REPEATED = 3


@contextlib.contextmanager
def ready_pictures(figure: Figure, file_format: str) -> Iterator[None]:
    """Make the pictures of a figure ready for a file of this format, for a while."""
    if file_format in _OPAQUE:
        ready = _on_paper(figure)
    else:
        ready = _colored(figure, small=file_format in VECTOR)
    with ready:
        yield


@contextlib.contextmanager
def _on_paper(figure: Figure) -> Iterator[None]:
    """Put the colour of the paper under the pictures, which matplotlib then joins."""
    added: list[Any] = []
    color: Any = figure.get_facecolor()
    paper = color if color[3] == 1 else "w"
    try:
        added += [_paper(ax, paper) for ax in figure.axes if ax.images]
        yield
    finally:
        for filled in added:
            filled.remove()


def _paper(ax: Any, paper: Any) -> Any:
    """Fill axes with their own colour, or else with that of the paper."""
    from matplotlib.colors import to_rgba_array
    from matplotlib.image import AxesImage

    own = ax.get_facecolor()
    filled = AxesImage(
        ax,
        interpolation=VOXELS,
        origin="lower",
        extent=(*sorted(ax.get_xlim()), *sorted(ax.get_ylim())),
        zorder=min(image.get_zorder() for image in ax.images) - 1,
    )
    filled.set_data(to_rgba_array(own if own[3] == 1 else paper)[np.newaxis])
    ax.add_artist(filled)
    return filled


@contextlib.contextmanager
def _colored(figure: Figure, *, small: bool) -> Iterator[None]:
    """Draw the smooth pictures of a figure in colours, which takes less time.

    With ``small`` they have two pixels for each of theirs, and the pictures of voxels
    three: programs that smooth what they enlarge blur no more than their borders.
    """
    wanted = (SMOOTH, VOXELS) if small else (SMOOTH,)
    found: list[tuple[Any, Any]] = [
        (image, image.get_interpolation())
        for ax in figure.axes
        for image in ax.images
        if image.get_interpolation() in wanted
        and image.get_visible()
        # Others have colours already.
        and np.ma.asarray(image.get_array()).ndim == 2
    ]
    ready: list[Any] = []
    try:
        for image, _ in found:
            ready.append(_in_colors(image, small=small))
            image.set_visible(False)
            # Vector files would hold it nevertheless, joined with others.
            image.set_interpolation("none")
        yield
    finally:
        for image, interpolation in found:
            image.set_visible(True)
            image.set_interpolation(interpolation)
        for other in ready:
            other.remove()


def _in_colors(image: Any, *, small: bool) -> Any:
    """Draw a picture anew, in colours, in the place of another one."""
    from matplotlib.image import AxesImage

    values: Any = np.ma.asarray(image.get_array())
    alpha = image.get_alpha()
    is_smooth = image.get_interpolation() == SMOOTH
    if small and is_smooth and isinstance(alpha, np.ndarray):
        values, alpha = doubled(values.filled(0)), doubled(alpha)
    colors = image.cmap(image.norm(values), bytes=True)
    if alpha is not None:
        colors[..., 3] = np.rint(colors[..., 3] * alpha)
    if small and not is_smooth:
        colors = colors.repeat(_REPEATED, axis=0).repeat(_REPEATED, axis=1)
    made = AxesImage(
        image.axes,
        interpolation="none" if small else image.get_interpolation(),
        origin="lower",
        extent=image.get_extent(),
        zorder=image.get_zorder() - (0.1 if is_smooth else 0),
    )
    made.set_data(colors)
    image.axes.add_artist(made)
    return made


def doubled(plane: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Return a plane with two pixels for one in each direction, blended linearly.

    Examples
    --------
    >>> doubled(np.array([[0.0, 4.0]])).tolist()
    [[0.0, 1.0, 3.0, 4.0], [0.0, 1.0, 3.0, 4.0]]
    """
    result: npt.NDArray[np.float32] = plane.astype(np.float32)
    for _ in range(2):
        around = np.pad(result, ((1, 1), (0, 0)), mode="edge")
        before = 0.75 * result + 0.25 * around[:-2]
        after = 0.75 * result + 0.25 * around[2:]
        result = np.stack([before, after], axis=1).reshape(-1, result.shape[1]).T
    return result
