"""The panels of a display: where they are, and what is drawn on all of them."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nithresh._params import warn
from nithresh.plotting.colorbar import (
    HIDDEN_COLOR,
    ColorLimits,
    bar_room,
    draw_bar,
    fit_labels,
    label_room,
    plan_bar,
)
from nithresh.plotting.figures import remember, root_figure
from nithresh.plotting.geometry import PLANE_AXES, union
from nithresh.plotting.layout import arrange, wrapped
from nithresh.plotting.maps import Transparency
from nithresh.plotting.marks import covers_voxels, draw_marks, lift
from nithresh.plotting.numbering import Numbers, find_places
from nithresh.plotting.outlines import outlines
from nithresh.plotting.pictures import SMOOTH, VOXELS
from nithresh.plotting.text import Sizes, fit_lines, text_width

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from matplotlib.axes import Axes
    from matplotlib.backend_bases import RendererBase
    from matplotlib.colorbar import Colorbar
    from matplotlib.colors import Colormap
    from matplotlib.text import Annotation, Text
    from matplotlib.transforms import Bbox

    from nithresh.plotting.geometry import Bounds, PlaneGrid, Volume
    from nithresh.plotting.layout import BarRoom, Box, Layout
    from nithresh.plotting.maps import Background, StatMap
    from nithresh.plotting.modes import Cut

__all__ = ["ABOVE_IMAGES", "Panel", "Panels"]

#: The zorder of texts and markers.
ABOVE_IMAGES = 1000

# Room around the brain, mm.
_VIEW_MARGIN = 1.0
# The bar comes after the panels.
_BAR = -1
# Colours and widths (points) of the two lines around a cluster.
_OUTLINE = (("w", 1.8), ("k", 0.8))
# Points: in a narrower panel lines are thinner, down to this part.
_LINE_PANEL, _THINNEST = 130.0, 0.4
_MOST_DECIMALS = 6
_TITLE_INSET = 0.01  # of the frame
_TITLE_X = {"left": 0.0, "bottom": 0.0, "center": 0.5, "right": 1.0, "top": 1.0}
_TITLE_PAD = 0.3  # of the title's size, between text and box


@dataclass(frozen=True)
class Panel:
    """One cut of a display.

    Attributes
    ----------
    ax : matplotlib.axes.Axes
        In mm, across and up.
    direction : {"x", "y", "z"}
    coord : float
        In mm.
    radiological : bool
        Whether left and right are flipped.
    """

    ax: Axes
    direction: str
    coord: float
    radiological: bool = False


class Panels:
    """Panels in rows inside a frame, at one scale.

    Parameters
    ----------
    frame_axes : matplotlib.axes.Axes
        What they fill, together with a colour bar and a title.
    rows : sequence of sequence of (str, float)
        Direction and place in mm of each panel of each row.
    view : numpy.ndarray of shape (3, 2)
        What to show, in mm.
    black : bool
        Draw on black.
    radiological : bool
        Flip left and right.
    columns : sequence of int, optional
        In how many columns the panels may stand; those of one row then wrap into as
        many as make them largest.
    """

    def __init__(
        self,
        frame_axes: Axes,
        rows: Sequence[Sequence[Cut]],
        view: Bounds,
        *,
        black: bool,
        radiological: bool,
        columns: Sequence[int] = (),
    ) -> None:
        self.frame_axes = frame_axes
        self.black = black
        self.radiological = radiological
        self.colorbar: Colorbar | None = None
        self.view = _with_margin(view)
        self._finest = math.inf  # mm from slice to slice of a map
        self._bar_room: BarRoom | None = None
        self._bar_font_size = 0.0  # points
        self._title: Annotation | None = None
        self._title_height = 0.0  # points
        self._title_follows = False
        self._label_height = 0.0  # points
        self._mark_height = 0.0  # points
        self._marks: list[tuple[int, Text]] = []
        self._are_lifted = False
        self._waits = False
        self._numbers: list[tuple[int, Numbers]] = []
        if black:
            self._blacken_frame()
        self._row_lengths = [len(row) for row in rows]
        self._columns = columns
        self._known: tuple[Any, Layout] | None = None
        self.all: list[Panel] = []
        for direction, coord in (cut for row in rows for cut in row):
            ax = self._new_axes(len(self.all))
            ax.set_axis_off()
            ax.set_facecolor("k" if black else "none")
            ax.set_aspect("equal")
            self.all.append(Panel(ax, direction, coord, radiological))
        self._place()

    @property
    def ink(self) -> str:
        """The colour of texts and lines."""
        return "w" if self.black else "k"

    @property
    def paper(self) -> str:
        """The colour of what is behind everything."""
        return "k" if self.black else "w"

    def grow(self, content: Bounds | None) -> None:
        """Widen the view of all panels to what is about to be drawn (mm)."""
        if content is None:
            return
        view = union([self.view, _with_margin(content)])
        if not np.array_equal(view, self.view):
            self.view = view
            self._place()

    def mark_sides(self, size: float, style: dict[str, Any]) -> None:
        """Write L and R at the upper corners of panels, off the voxels."""
        for index, panel in enumerate(self.all):
            if panel.direction != "x":
                style = {"size": size, "zorder": ABOVE_IMAGES, **style}
                marks = draw_marks(panel.ax, style, radiological=self.radiological)
                self._marks += [(index, mark) for mark in marks]
        self._place()

    def _lift_marks(self) -> None:
        """Put L and R above the panels if one of them would cover a voxel."""
        if self._are_lifted or not self._marks:
            return
        width, height = self._frame_size()
        boxes = self._boxes()
        for index, mark in self._marks:
            size = (boxes[index][2] * width, boxes[index][3] * height)
            if covers_voxels(mark, self.all[index].ax, size):
                break
        else:
            return
        self._are_lifted = True
        tallest = max(float(mark.get_fontsize()) for _, mark in self._marks)
        self._mark_height = max(tallest, self._mark_height)
        for _, mark in self._marks:
            lift(mark)

    def make_room_above(self, height: float) -> None:
        """Leave ``height`` points above the panels, for their headings."""
        self._mark_height = max(height, self._mark_height)
        self._place()

    def make_room_below(self, height: float) -> None:
        """Leave ``height`` points below the panels, for their labels."""
        self._label_height = max(height, self._label_height)
        self._place()

    def narrowest(self) -> float:
        """Return the width of the narrowest panel in points."""
        widths = [box[2] for box in self._boxes()[: len(self.all)]]
        return min(widths, default=0.0) * self._frame_size()[0]

    def thinning(self) -> float:
        """Return how much thinner lines are than in panels of the usual size."""
        return min(max(self.narrowest() / _LINE_PANEL, _THINNEST), 1.0)

    @functools.cached_property
    def sizes(self) -> Sizes:
        """The sizes of all texts, the same from the first one on."""
        return Sizes.fitting(self._frame_size(), self.narrowest())

    def decimals(self) -> int:
        """Return how many decimals tell neighbouring cuts and slices apart."""
        cuts: dict[str, set[float]] = {}
        for panel in self.all:
            cuts.setdefault(panel.direction, set()).add(panel.coord)
        for decimals in range(_MOST_DECIMALS):
            if 10.0**-decimals <= 2 * self._finest and all(
                len({round(coord, decimals) for coord in coords}) == len(coords)
                for coords in cuts.values()
            ):
                return decimals
        return _MOST_DECIMALS

    def draw_background(self, background: Background) -> None:
        """Draw an anatomical image, smooth, its zeros transparent."""
        if background.volume is None:
            return
        for panel, grid, plane in self.planes(background.volume, linear=True):
            # Brain blended with nothing would be dark: values are those of the brain
            # alone, and its share is the alpha. matplotlib blends that between pixels
            # too, where a mask would cut half a voxel off the rim.
            share = background.volume.mask.linear(grid).filled(0).clip(0, 1)
            values = plane.filled(0)
            np.divide(values, share, out=values, where=share > 0)
            panel.ax.imshow(
                values,
                alpha=share,
                extent=grid.extent,
                origin="lower",
                aspect="equal",
                interpolation=SMOOTH,
                cmap="gray",
                vmin=background.vmin,
                vmax=background.vmax,
            )

    def draw_map(
        self,
        stat_map: StatMap,
        limits: ColorLimits,
        style: dict[str, Any],
        *,
        transparency: Transparency | float | None,
        linear: bool,
    ) -> None:
        """Draw a map, voxel by voxel, without what its threshold hides.

        ``style`` is passed to ``imshow``.
        """
        style = {"interpolation": VOXELS, "aspect": "equal", **style}
        if transparency is not None and "alpha" in style:
            warn("alpha is ignored, because transparency is given")
        volume = stat_map.kept
        self._finest = min(self._finest, *(volume.step(axis) for axis in range(3)))
        self.grow(volume.content_bounds)
        # A blend of a voxel that is kept and a hidden one can be below the threshold,
        # so only a map of which nothing is hidden is blended.
        linear = (
            linear
            and stat_map.threshold is None
            and not volume.is_aligned
            and not volume.is_integer
        )
        for panel, grid, plane in self.planes(volume, linear=linear):
            if stat_map.threshold is not None:
                plane[plane == 0] = np.ma.masked
            if isinstance(transparency, Transparency):
                style["alpha"] = transparency.plane(grid)
            elif transparency is not None:
                style["alpha"] = transparency
            panel.ax.imshow(
                plane,
                extent=grid.extent,
                origin="lower",
                vmin=limits.vmin,
                vmax=limits.vmax,
                **style,
            )
        self._place()

    def draw_clusters(self, labels: Volume) -> None:
        """Outline and number the clusters of a label volume in each panel.

        Call this after all other texts are drawn: the numbers avoid them.
        """
        from matplotlib.collections import LineCollection

        self.grow(labels.content_bounds)
        size = self.sizes.number
        thin = self.thinning()
        for panel, grid, masked in self.planes(labels, linear=False):
            plane = masked.filled(0)
            lines = outlines(plane, grid)
            if not len(lines):
                continue
            # A light line under a dark one shows on every colour.
            for color, width in _OUTLINE:
                panel.ax.add_collection(
                    LineCollection(
                        list(lines),
                        colors=color,
                        linewidths=width * thin,
                        capstyle="projecting",
                        zorder=1,
                    ),
                    autolim=False,
                )
            numbers = Numbers(panel.ax, panel.direction, find_places(plane, grid), size)
            self._numbers.append((self.all.index(panel), numbers))
        self._place()

    def planes(
        self, volume: Volume, *, linear: bool
    ) -> Iterator[tuple[Panel, PlaneGrid, np.ma.MaskedArray[Any, Any]]]:
        """Read a volume's plane in each panel that meets it."""
        for panel in self.all:
            if not volume.contains(panel.direction, panel.coord):
                continue
            # Nearest voxels keep their shape only in pixels smaller than they are.
            grid = volume.grid(
                panel.direction,
                panel.coord,
                self.view,
                per_voxel=1 if linear else 2,
            )
            yield panel, grid, volume.linear(grid) if linear else volume.nearest(grid)

    def add_bar(
        self,
        stat_map: StatMap,
        limits: ColorLimits,
        *,
        cmap: Colormap,
        tick_format: str,
        label: str | None,
        band_color: Any = HIDDEN_COLOR,
    ) -> None:
        """Draw the colour bar of a map, right of the panels."""
        if limits.bar_min == limits.bar_max or not self.all:
            return  # an empty map has no range to show
        bar = plan_bar(
            limits,
            stat_map.threshold,
            two_sided=stat_map.two_sided,
            tick_format=tick_format,
            drawn=stat_map.drawn,
        )
        self._bar_font_size = self.sizes.bar
        self._bar_room = bar_room(bar, self._bar_font_size)
        self.colorbar = draw_bar(
            self._new_axes(_BAR),
            bar,
            cmap=cmap,
            label=label,
            size=self._bar_font_size,
            ink=self.ink,
            band_color=band_color,
        )
        self._place()

    @property
    def colorbar_ax(self) -> Axes | None:
        """The axes of the colour bar."""
        return None if self.colorbar is None else self.colorbar.ax

    def set_title(
        self,
        text: str,
        place: tuple[float | None, float | None],
        size: float | None,
        *,
        color: Any,
        bgcolor: Any,
        alpha: float,
        **kwargs: Any,
    ) -> None:
        """Write the title in a box, in place of an earlier one.

        ``place`` is in parts of the frame. A title that has one stays there, as it
        is; another one is fitted into the frame, and the panels make room for it.
        """
        from matplotlib.cbook import normalize_kwargs
        from matplotlib.text import Text

        if self._title is not None:
            self._title.remove()
        size = self.sizes.title if size is None else size
        style = {"ha": "left", "va": "top", **_short(normalize_kwargs(kwargs, Text))}
        x, y = place
        across = _TITLE_X.get(style["ha"], 0.0)
        up = _TITLE_X.get(style["va"], 1.0)
        box = self.ink if bgcolor is None else bgcolor
        pad = _TITLE_PAD * size
        self._title = title = self.frame_axes.annotate(
            text,
            (
                _inset(across) if x is None else x,
                1 - _TITLE_INSET if y is None else y,
            ),
            xycoords="axes fraction",
            xytext=(pad * (1 - 2 * across), pad * (1 - 2 * up)),
            textcoords="offset points",
            size=size,
            color=self.paper if color is None else color,
            annotation_clip=False,
            bbox={
                "boxstyle": f"square,pad={_TITLE_PAD}",
                "ec": box,
                "fc": box,
                "alpha": alpha,
            },
            **{"zorder": ABOVE_IMAGES, **style},
        )
        self._title_height = 0.0
        self._title_follows = x is None and y is None
        if self._title_follows:
            self._fit_title(title, text, size)
        self._place()

    def _fit_title(self, title: Annotation, text: str, size: float) -> None:
        """Wrap or shrink the title, and take its height from the panels."""
        width, height = self._frame_size()
        pad = _TITLE_PAD * size
        font = title.get_fontproperties()
        lines, size = fit_lines(
            text,
            functools.partial(text_width, font=font),
            size,
            width * (1 - 2 * _TITLE_INSET) - 2 * pad,
        )
        title.set_text(lines)
        title.set_fontsize(size)
        dpi = root_figure(self.frame_axes).dpi
        drawn = title.get_window_extent().height * 72 / dpi
        self._title_height = height * _TITLE_INSET + drawn + 2 * pad

    def _lower_title(self) -> None:
        """Put the title right above the panels."""
        if self._title is not None and self._title_follows and self._known is not None:
            across, _ = self._title.xy
            self._title.xy = (across, 1 - _TITLE_INSET - self._known[1].lowered)

    def _frame_size(self) -> tuple[float, float]:
        """Width and height of the frame in points."""
        position = self.frame_axes.get_position()
        figure = self.frame_axes.figure
        per_pixel = 72 / root_figure(self.frame_axes).dpi
        return (
            position.width * figure.bbox.width * per_pixel,
            position.height * figure.bbox.height * per_pixel,
        )

    def _boxes(self) -> list[Box]:
        """Return where the panels are, and then the bar if there is one."""
        if not self.all:
            return []
        layout = self._layout()
        return layout.panels if layout.bar is None else [*layout.panels, layout.bar]

    def _layout(self) -> Layout:
        """Return where things are, worked out anew when what they need has changed."""
        frame = self._frame_size()
        spans = self.view[:, 1] - self.view[:, 0]
        room = self._bar_room
        if room is not None and self.colorbar is not None:
            # The caller may have added a label to the bar.
            right = label_room(self.colorbar.ax.get_ylabel(), self._bar_font_size)
            room = dataclasses.replace(room, right=right)
        taken: dict[str, Any] = {"title": self._title_height, "bar": room}
        labels, marks = self._label_height, self._mark_height
        key = (frame, *spans.tolist(), labels, marks, *taken.values())
        if self._known is None or self._known[0] != key:
            sizes = [
                (float(spans[across]), float(spans[up]))
                for across, up in (PLANE_AXES[p.direction] for p in self.all)
            ]
            lengths = self._row_lengths
            if len(self._columns) > 1:
                count = wrapped(
                    frame,
                    sizes,
                    self._columns,
                    per_row=labels + marks,
                    **taken,
                )
                lengths = [count] * -(-len(sizes) // count)
            ends = np.cumsum(lengths).tolist()
            rows = [
                sizes[end - length : end]
                for end, length in zip(ends, lengths, strict=True)
            ]
            layout = arrange(frame, rows, labels=labels, marks=marks, **taken)
            self._known = (key, layout)
            self._lower_title()
        return self._known[1]

    def _new_axes(self, index: int) -> Axes:
        """Add the axes of a panel, or of the colour bar (``_BAR``).

        Their place is worked out whenever the figure is drawn, so that it follows
        the frame and the size of the window.
        """
        from matplotlib.axes import Axes

        from nithresh.plotting.axes import TicklessAxes

        ax: Axes = self.frame_axes.figure.add_axes(
            (0.0, 0.0, 1.0, 1.0), axes_class=Axes if index == _BAR else TicklessAxes
        )
        ax.set_zorder(self.frame_axes.get_zorder() + 1)
        remember(self.frame_axes, ax)
        ax.set_axes_locator(functools.partial(self._locate, index))
        return ax

    def _locate(self, index: int, ax: Axes, renderer: RendererBase | None) -> Bbox:
        del ax, renderer  # matplotlib passes them to every locator
        from matplotlib.transforms import Bbox

        frame = self.frame_axes.get_position()
        left, bottom, width, height = self._boxes()[index]
        return Bbox.from_bounds(
            frame.x0 + left * frame.width,
            frame.y0 + bottom * frame.height,
            width * frame.width,
            height * frame.height,
        )

    @contextlib.contextmanager
    def placed_once(self) -> Iterator[None]:
        """Put things where they belong once, after all of them are drawn."""
        self._waits = True
        try:
            yield
        finally:
            self._waits = False
        self._place()

    def _place(self) -> None:
        """Put every panel, and the bar, where they belong now."""
        if self._waits:
            return
        self._set_limits()
        self._lift_marks()
        for index, panel in enumerate(self.all):
            panel.ax.set_position(self._locate(index, panel.ax, None))
        bar_ax = self.colorbar_ax
        if bar_ax is not None:
            bar_ax.set_position(self._locate(_BAR, bar_ax, None))
            height = self._boxes()[_BAR][3] * self._frame_size()[1]
            fit_labels(bar_ax, self._bar_font_size, height)
        self._lower_title()
        boxes = self._boxes() if self._numbers else []
        for index, numbers in self._numbers:
            across, _ = PLANE_AXES[self.all[index].direction]
            width = boxes[index][2] * self._frame_size()[0]
            numbers.place(self.view, width / float(np.ptp(self.view[across])))

    def _set_limits(self) -> None:
        for panel in self.all:
            across, up = PLANE_AXES[panel.direction]
            left, right = self.view[across]
            panel.ax.set_xlim(*((right, left) if self.radiological else (left, right)))
            panel.ax.set_ylim(*self.view[up])

    def _blacken_frame(self) -> None:
        from matplotlib.patches import Rectangle

        self.frame_axes.add_patch(
            Rectangle(
                (0, 0),
                1,
                1,
                transform=self.frame_axes.transAxes,
                facecolor="k",
                edgecolor="none",
                zorder=-ABOVE_IMAGES,
            )
        )


def _with_margin(bounds: Bounds) -> Bounds:
    wider: Bounds = bounds + np.array([-_VIEW_MARGIN, _VIEW_MARGIN])
    return wider


def _inset(across: float) -> float:
    """Return a place across the frame, a little inside of it."""
    return min(max(across, _TITLE_INSET), 1 - _TITLE_INSET)


def _short(style: dict[str, Any]) -> dict[str, Any]:
    """Return keywords of a text with short names for its alignment."""
    names = {"horizontalalignment": "ha", "verticalalignment": "va"}
    return {names.get(name, name): value for name, value in style.items()}
