"""``plot_clusters``: a row of three cuts for each of the first clusters."""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING, Any, Literal

from nithresh._params import check_bool, check_count
from nithresh.plotting.checks import check_black_bg, check_label, check_limit
from nithresh.plotting.cuts import peak_of
from nithresh.plotting.display import SliceDisplay
from nithresh.plotting.figures import closed_on_error, open_frame, root_figure
from nithresh.plotting.maps import (
    HIDE_ZEROS,
    Template,
    check_clusters,
    check_map_request,
    open_background,
    open_labels,
    open_stat_map,
)
from nithresh.plotting.modes import MODES
from nithresh.plotting.panels import ABOVE_IMAGES, Panels
from nithresh.plotting.stat_map import color_map, view_of
from nithresh.plotting.text import fit_lines, text_width

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence
    from typing import IO

    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure, SubFigure

    from nithresh._open import ImageOrPath
    from nithresh.clusters import Clusters
    from nithresh.plotting.maps import StatMap
    from nithresh.plotting.modes import Cut

__all__ = ["ClustersDisplay", "plot_clusters"]

_MODE = MODES["ortho"]
# Inches.
_WIDTH = 7.3
_ROW_HEIGHT = 2.6
_EMPTY_HEIGHT = 1.5
# More clusters than this stand in two columns, each of this size.
_MOST_IN_COLUMN = 5
_COLUMN_WIDTH, _COLUMN_ROW_HEIGHT, _BAR_WIDTH = 4.6, 2.05, 0.7
# Points.
_MESSAGE = 12.0
_LINE = 1.2  # height of a line, of the size of its text
_MESSAGE_WIDTH = 0.9  # of the frame


class ClustersDisplay(SliceDisplay):
    """Cuts through the peaks of clusters, a row for each, at one scale.

    Returned by :func:`plot_clusters`. Anything drawn on it is drawn on all panels.

    Attributes
    ----------
    axes : dict
        The panels by cluster and direction, such as ``(1, "x")``. Each has ``.ax``,
        ``.direction``, ``.coord``.
    cut_coords : list of tuple
        The cuts (x, y, z) of each row in mm.
    frame_axes : matplotlib.axes.Axes
        The axes that all of this fills.
    colorbar_ax : matplotlib.axes.Axes or None
        The axes of the colour bar.
    """

    def __init__(self, panels: Panels, numbers: list[int]) -> None:
        super().__init__(panels, _MODE)
        rows = list(zip(*[iter(panels.all)] * 3, strict=True))
        self.cut_coords: Any = [tuple(panel.coord for panel in row) for row in rows]
        self.axes = {
            (number, panel.direction): panel
            for number, row in zip(numbers, rows, strict=True)
            for panel in row
        }

    def draw_cross(
        self, cut_coords: Sequence[Any] | None = None, **kwargs: Any
    ) -> None:
        """Draw lines where the other panels of a row cut.

        Parameters
        ----------
        cut_coords : sequence of (float, float, float), optional
            In mm, for each row; the cuts themselves if not given.
        **kwargs
            Passed to ``axhline`` and ``axvline``.
        """
        panels = list(self.axes.values())
        coords = self.cut_coords if cut_coords is None else cut_coords
        for row, point in enumerate(coords):
            at = dict(zip("xyz", point, strict=True))
            self._cross(panels[3 * row : 3 * row + 3], at, kwargs)


def plot_clusters(
    clusters: Clusters,
    n: int = 5,
    bg_img: ImageOrPath | Template | Literal[False] | None = Template.MNI152,
    output_file: str | os.PathLike[str] | IO[bytes] | None = None,
    *,
    colorbar: bool = True,
    figure: Figure | SubFigure | int | str | None = None,
    axes: Axes | Sequence[float] | None = None,
    title: str | None = None,
    annotate: bool = True,
    draw_cross: bool = True,
    black_bg: bool | Literal["auto"] = "auto",
    cmap: str | Colormap = "RdBu_r",
    vmin: float | None = None,
    vmax: float | None = None,
    radiological: bool = False,
    cbar_label: str | None = None,
) -> ClustersDisplay:
    """Draw the first clusters, each in a row of three cuts through its peak.

    All rows show the thresholded map in the same colours, and every cluster in it
    outlined along the borders of its voxels, with its number, the id of its row in
    the table.

    Parameters
    ----------
    clusters : Clusters
        What :func:`nithresh.find_clusters` gave.
    n : int, default=5
        How many clusters to draw at most: 1 to n, which are the largest. Each has a
        row of its own; more than five stand two in a row.
    bg_img : str, pathlib.Path, nibabel image or None
        The background. The brain of the MNI152 template if not given, nothing if None
        or False.
    output_file : str, pathlib.Path or file, optional
        Save the figure here and close it.
    colorbar : bool, default=True
        Draw one colour bar for all rows, on which hidden values are grey.
    figure, axes, title, annotate, draw_cross, black_bg, cmap, vmin, vmax, \
radiological, cbar_label
        As in :func:`plot_stat_map`. The extremes of the colours are, if not given,
        those of the thresholded map.

    Returns
    -------
    ClustersDisplay
        To draw more on, to save and to close. Without any clusters it has no panels,
        and says why.

    Raises
    ------
    TypeError
        An argument of the wrong type.
    ValueError
        An argument of the right type with a value that is not allowed.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from nithresh import datasets, find_clusters
    >>> from nithresh.plotting import plot_clusters
    >>> image = datasets.load_sample_motor_activation_image()
    >>> clusters = find_clusters(image, 5, cluster_threshold=100)
    >>> display = plot_clusters(clusters, n=2, figure=Figure(figsize=(7.3, 5.2)))
    >>> [tuple(round(coord) for coord in row) for row in display.cut_coords]
    [(60, -19, 46), (-24, -31, 73)]
    >>> list(display.axes)
    [(1, 'x'), (1, 'y'), (1, 'z'), (2, 'x'), (2, 'y'), (2, 'z')]
    """
    clusters = check_clusters(clusters)
    count = min(check_count(n, "n"), len(clusters))
    colorbar = check_bool(colorbar, "colorbar")
    annotate = check_bool(annotate, "annotate")
    draw_cross = check_bool(draw_cross, "draw_cross")
    radiological = check_bool(radiological, "radiological")
    black_bg = check_black_bg(black_bg, figure, axes)
    cbar_label = check_label(cbar_label)
    vmin, vmax = check_limit(vmin, "vmin"), check_limit(vmax, "vmax")

    stat_map = _open_thresholded(clusters)
    background = open_background(bg_img, black_bg=black_bg)
    labels = open_labels(clusters)
    stat_map, colors, limits = color_map(stat_map, cmap, vmin, vmax)
    numbers = list(range(1, count + 1))
    columns = 1 if count <= _MOST_IN_COLUMN else 2

    frame = open_frame(
        figure,
        axes,
        _figure_size(count, columns),
        facecolor="k" if background.black else "w",
        on_screen=output_file is None,
    )
    with closed_on_error(frame, figure, axes):
        panels = Panels(
            frame,
            _rows(clusters, numbers, columns),
            view_of(stat_map, background, labels),
            black=background.black,
            radiological=radiological,
        )
        panels.draw_background(background)
        panels.draw_map(
            stat_map, limits, {"cmap": colors}, transparency=None, linear=False
        )
        if colorbar:
            panels.add_bar(
                stat_map, limits, cmap=colors, tick_format="%.2g", label=cbar_label
            )
        display = ClustersDisplay(panels, numbers)
        if title:
            display.title(title)
        if annotate:
            display.annotate()
            _write_headings(panels, numbers)
        if draw_cross:
            display.draw_cross()
        if count:
            panels.draw_clusters(labels)
        else:
            _write_message(display, str(clusters))
        if output_file is not None:
            display.savefig(output_file)
            display.close()
    return display


def _rows(clusters: Clusters, numbers: list[int], columns: int) -> list[list[Cut]]:
    """Return the cuts through the peaks, with ``columns`` clusters in each row."""
    return [
        [
            cut
            for number in numbers[start : start + columns]
            for cut in zip("xyz", peak_of(clusters, number), strict=True)
        ]
        for start in range(0, len(numbers), columns)
    ]


def _figure_size(count: int, columns: int) -> tuple[float, float]:
    """Return width and height of a new figure in inches."""
    if not count:
        return _WIDTH, _EMPTY_HEIGHT
    if columns == 1:
        return _WIDTH, _ROW_HEIGHT * count
    rows = -(-count // columns)
    return columns * _COLUMN_WIDTH + _BAR_WIDTH, rows * _COLUMN_ROW_HEIGHT


def _open_thresholded(clusters: Clusters) -> StatMap:
    """Return the thresholded map, and the rule that made it for the colour bar."""
    hide_zeros = check_map_request(
        HIDE_ZEROS, two_sided=True, cluster_threshold=0, connectivity=6
    )
    stat_map = open_stat_map(clusters.thresholded_img, hide_zeros, name="clusters")
    choices = clusters.table.choices
    return dataclasses.replace(
        stat_map,
        threshold=float(choices["threshold_resolved"]),
        two_sided=choices["two_sided"],
        connectivity=choices["connectivity"],
    )


def _write_headings(panels: Panels, numbers: list[int]) -> None:
    """Write the number of its cluster above the first panel of each row."""
    size = panels.sizes.bar
    panels.make_room_above(_LINE * size)
    firsts = [panel for panel in panels.all if panel.direction == "x"]
    for number, panel in zip(numbers, firsts, strict=True):
        panel.ax.text(
            0.0,
            1.0,
            f"cluster {number}",
            transform=panel.ax.transAxes,
            size=size,
            color=panels.ink,
            ha="left",
            va="bottom",
            zorder=ABOVE_IMAGES,
        )


def _write_message(display: ClustersDisplay, message: str) -> None:
    """Write why there is nothing to see in the middle of the frame."""
    frame = display.frame_axes
    text = frame.text(
        0.5,
        0.5,
        message,
        transform=frame.transAxes,
        size=_MESSAGE,
        color="w" if display.black_bg else "k",
        ha="center",
        va="center",
        zorder=ABOVE_IMAGES,
    )
    width = frame.get_position().width * frame.figure.bbox.width
    limit = _MESSAGE_WIDTH * width * 72 / root_figure(frame).dpi
    font = text.get_fontproperties()
    lines, size = fit_lines(
        message, functools.partial(text_width, font=font), _MESSAGE, limit
    )
    text.set_text(lines)
    text.set_fontsize(size)
