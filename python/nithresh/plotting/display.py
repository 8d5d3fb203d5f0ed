"""The display that a plot returns: panels to draw more on, to save and to close."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nithresh._params import check_bool, check_volume
from nithresh._rules import CONNECTIVITY, TWO_SIDED
from nithresh.plotting.checks import (
    check_color,
    check_decimals,
    check_imshow_kwargs,
    check_interpolation,
    check_label,
    check_limit,
    check_text_size,
    check_tick_format,
)
from nithresh.plotting.cmaps import colormap
from nithresh.plotting.colorbar import ColorLimits, color_limits
from nithresh.plotting.contours import edges, sorted_levels
from nithresh.plotting.figures import close_figure, root_figure, save_figure
from nithresh.plotting.geometry import PLANE_AXES, Volume
from nithresh.plotting.maps import (
    HIDE_ZEROS,
    check_map_request,
    open_stat_map,
    open_transparency,
    with_colors,
)
from nithresh.plotting.panels import ABOVE_IMAGES

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence
    from typing import IO, Literal

    import numpy.typing as npt
    from matplotlib.axes import Axes
    from matplotlib.colorbar import Colorbar

    from nithresh._open import ImageOrPath
    from nithresh.plotting.modes import Mode
    from nithresh.plotting.panels import Panel, Panels

__all__ = ["SliceDisplay"]

# In mm from the slice, with room for rounding noise.
_MARKERS_WITHIN = 2.0 + 1e-6
_LINE = 1.2  # height of a line, of the size of its text


class SliceDisplay:
    """Cuts through a volume, side by side at one scale.

    Returned by :func:`plot_stat_map`.

    Attributes
    ----------
    axes : dict
        The panels by direction ("x", "y", "z"); by their cut in mm where all cut one
        direction; by both, such as ("x", 5.0), in a mosaic. Each has ``.ax``,
        ``.direction``, ``.coord``.
    cut_coords : tuple, list or dict
        The cuts in mm: one for each direction in the order x, y, z; a list where
        all cut one direction; a list for each direction in a mosaic.
    frame_axes : matplotlib.axes.Axes
        The axes that all of this fills.
    colorbar_ax : matplotlib.axes.Axes or None
        The axes of the colour bar.
    """

    def __init__(self, panels: Panels, mode: Mode) -> None:
        self._panels = panels
        self._mode = mode
        cuts: dict[str, list[float]] = {axis: [] for axis in mode.directions}
        for panel in panels.all:
            cuts[panel.direction].append(panel.coord)
        self.cut_coords = mode.cut_coords(cuts)
        self.frame_axes = panels.frame_axes
        self.axes: dict[Any, Panel] = {
            mode.key(panel.direction, panel.coord): panel for panel in panels.all
        }

    @property
    def colorbar_ax(self) -> Axes | None:
        """The axes of the colour bar."""
        return self._panels.colorbar_ax

    @property
    def _cbar(self) -> Colorbar | None:
        """The colour bar under the name that nilearn and its users have for it."""
        return self._panels.colorbar

    @property
    def black_bg(self) -> bool:
        """Whether the display is on black."""
        return self._panels.black

    def add_overlay(
        self,
        img: ImageOrPath,
        threshold: float | str | None = HIDE_ZEROS,
        colorbar: bool = False,  # noqa: FBT001, FBT002 - nilearn's signature
        cbar_tick_format: str = "%.2g",
        cbar_vmin: float | None = None,
        cbar_vmax: float | None = None,
        transparency: ImageOrPath | float | None = None,
        transparency_range: Sequence[float] | None = None,
        *,
        cluster_threshold: int = 0,
        two_sided: bool = TWO_SIDED,
        connectivity: int = CONNECTIVITY,
        comparison: str | None = None,
        rules: str | None = None,
        cbar_label: str | None = None,
        volume: int | None = None,
        resampling_interpolation: str = "continuous",
        **kwargs: Any,
    ) -> None:
        """Draw another map on all panels.

        Parameters
        ----------
        img : str, pathlib.Path or nibabel image
            3-D, or 4-D with one volume.
        threshold, transparency, transparency_range, cluster_threshold, two_sided, \
connectivity, comparison, rules, volume, resampling_interpolation
            As in :func:`plot_stat_map`.
        colorbar : bool, default=False
            A display can have one colour bar.
        cbar_tick_format : str, default="%.2g"
        cbar_vmin, cbar_vmax : float, optional
            Ends of the bar; those of the colours if not given.
        cbar_label : str, optional
            Beside the bar.
        **kwargs
            Passed to ``imshow``. ``vmin`` and ``vmax``, the ends of the colours,
            are the extremes of the map if not given.

        Raises
        ------
        ValueError
            A second colour bar, or an argument that is not allowed.
        """
        if check_bool(colorbar, "colorbar") and self.colorbar_ax is not None:
            msg = "colorbar is True; this display has a colour bar, and only one fits"
            raise ValueError(msg)
        check_imshow_kwargs(kwargs, self.add_overlay)
        linear = check_interpolation(resampling_interpolation)
        request = check_map_request(
            threshold,
            two_sided=two_sided,
            cluster_threshold=cluster_threshold,
            connectivity=connectivity,
            comparison=comparison,
            rules=rules,
        )
        bar: dict[str, Any] = {
            "tick_format": check_tick_format(cbar_tick_format),
            "label": check_label(cbar_label),
        }
        vmin = check_limit(kwargs.pop("vmin", None), "vmin")
        vmax = check_limit(kwargs.pop("vmax", None), "vmax")
        cbar_vmin = check_limit(cbar_vmin, "cbar_vmin")
        cbar_vmax = check_limit(cbar_vmax, "cbar_vmax")
        stat_map = open_stat_map(img, request, name="img", volume=check_volume(volume))
        alpha = open_transparency(transparency, transparency_range)
        colors = color_limits(stat_map.low, stat_map.high, vmin, vmax, symmetric=False)
        stat_map = with_colors(stat_map, colors.vmin, colors.vmax)
        limits = ColorLimits(
            colors.vmin,
            colors.vmax,
            colors.vmin if cbar_vmin is None else cbar_vmin,
            colors.vmax if cbar_vmax is None else cbar_vmax,
        )
        kwargs["cmap"] = colormap(kwargs.get("cmap"))
        self._panels.draw_map(
            stat_map, limits, kwargs, transparency=alpha, linear=linear
        )
        if colorbar:
            self._panels.add_bar(stat_map, limits, cmap=kwargs["cmap"], **bar)

    def add_contours(
        self,
        img: ImageOrPath,
        threshold: float | str | None = HIDE_ZEROS,
        filled: bool = False,  # noqa: FBT001, FBT002 - nilearn's signature
        **kwargs: Any,
    ) -> None:
        """Draw the contours of a map, a mask or labels on all panels.

        Parameters
        ----------
        img : str, pathlib.Path or nibabel image
            3-D, or 4-D with one volume. Outside its field of view counts as 0.
        threshold : float, str or None
            Only for filled contours; lines are never thresholded.
        filled : bool, default=False
            Fill the areas between levels; a single level is filled upwards.
        **kwargs
            Passed to matplotlib's ``contour`` and ``contourf``: ``levels`` in the
            units of the map or their number, ``colors``, ``linewidths``,
            ``linestyles`` (one for all levels, or one for each in their order),
            ``alpha`` and others.
        """
        request = None
        if check_bool(filled, "filled"):
            request = check_map_request(
                threshold, two_sided=True, cluster_threshold=0, connectivity=6
            )
        stat_map = open_stat_map(img, request, name="img")
        volume = stat_map.kept
        if kwargs.get("cmap") is not None:
            kwargs["cmap"] = colormap(kwargs["cmap"])
        kwargs = sorted_levels(kwargs, stat_map)
        levels = kwargs.pop("levels", None)
        lines_only = {"linewidths", "linestyles"}
        self._panels.grow(_contoured(volume, levels).content_bounds)
        for panel in self.axes.values():
            grid = volume.grid(panel.direction, panel.coord, self._panels.view).padded()
            sample = volume.nearest if volume.is_integer else volume.linear
            # Outside its field of view a map counts as 0, so that contours close.
            plane = sample(grid).filled(0)
            if not _crossed(plane, levels):
                continue
            where = (grid.across, grid.up, plane)
            given: dict[str, Any] = {} if levels is None else {"levels": levels}
            panel.ax.contour(*where, **given, **kwargs)
            if filled:
                if levels is not None and len(levels) == 1:
                    given["levels"] = np.append(levels, stat_map.high)
                rest = {k: v for k, v in kwargs.items() if k not in lines_only}
                panel.ax.contourf(*where, **given, **rest)

    def add_edges(self, img: ImageOrPath, color: Any = "r") -> None:
        """Draw where an image changes most, on all panels.

        Parameters
        ----------
        img : str, pathlib.Path or nibabel image
            3-D, or 4-D with one volume.
        color : colour, default="r"
        """
        from matplotlib.colors import ListedColormap

        color = check_color(color, "color")
        volume = open_stat_map(img, None, name="img").raw
        self._panels.grow(volume.content_bounds)
        for panel, grid, plane in self._panels.planes(volume, linear=True):
            found = edges(plane.filled(0))
            panel.ax.imshow(
                np.ma.masked_where(~found, found),
                extent=grid.extent,
                origin="lower",
                interpolation="nearest",
                cmap=ListedColormap([color]),
            )

    def add_markers(
        self,
        marker_coords: npt.ArrayLike,
        marker_color: Any = "r",
        marker_size: Any = 30,
        **kwargs: Any,
    ) -> None:
        """Draw points, each on the panels that cut within 2 mm of it.

        Parameters
        ----------
        marker_coords : array-like of shape (n, 3)
            In mm.
        marker_color : colour or sequence of n colours, default="r"
        marker_size : float or sequence of n floats, default=30
            In points squared, as in matplotlib's ``scatter``.
        **kwargs
            Passed to ``scatter``.
        """
        coords = np.atleast_2d(np.asarray(marker_coords, dtype=np.float64))
        if coords.ndim != 2 or coords.shape[1] != 3:
            msg = f"marker_coords has shape {coords.shape}; it must be (n, 3), in mm"
            raise ValueError(msg)
        kwargs = {"marker": "o", "zorder": ABOVE_IMAGES, **kwargs}
        for panel in self.axes.values():
            distance = coords[:, "xyz".index(panel.direction)] - panel.coord
            near = np.abs(distance) <= _MARKERS_WITHIN
            across, up = PLANE_AXES[panel.direction]
            panel.ax.scatter(
                coords[near, across],
                coords[near, up],
                s=_of_those(marker_size, near),
                c=_of_those(marker_color, near),
                **kwargs,
            )

    def annotate(
        self,
        left_right: bool = True,  # noqa: FBT001, FBT002 - nilearn's signature
        positions: bool = True,  # noqa: FBT001, FBT002 - nilearn's signature
        scalebar: bool = False,  # noqa: FBT001, FBT002 - nilearn's signature
        size: float | None = None,
        scale_size: float = 5.0,
        scale_units: Literal["cm", "mm"] = "cm",
        scale_loc: int | str = 4,
        decimals: int | None = None,
        **kwargs: Any,
    ) -> None:
        """Write left and right, the positions of the cuts, and a scale bar.

        Parameters
        ----------
        left_right : bool, default=True
            "L" and "R" at the upper corners of coronal and axial panels; above them
            where they would cover voxels.
        positions : bool, default=True
            Such as "x=5" below the lower left of each panel, rounded.
        scalebar : bool, default=False
        size : float, optional
            Of the text, in points. 12 if not given, and less in small frames.
        scale_size : float, default=5.0
            Length of the scale bar.
        scale_units : {"cm", "mm"}, default="cm"
        scale_loc : int or str, default=4
            Corner of the scale bar, as in matplotlib's legends; 4 is lower right.
        decimals : int, optional
            Of the positions; as many as tell neighbouring cuts and slices apart, if
            not given.
        **kwargs
            Passed to matplotlib's ``text``.
        """
        kwargs.setdefault("color", self._panels.ink)
        size = self._panels.sizes.label if size is None else check_text_size(size)
        decimals = check_decimals(decimals)
        if positions:
            self._panels.make_room_below(_LINE * size)
        if decimals is None:
            decimals = self._panels.decimals()
        if left_right:
            self._panels.mark_sides(size, kwargs)
        for panel in self.axes.values():
            if positions:
                panel.ax.text(
                    0.0,
                    0.0,
                    format_position(panel.direction, panel.coord, decimals),
                    transform=panel.ax.transAxes,
                    size=size,
                    **{"ha": "left", "va": "top", "zorder": ABOVE_IMAGES, **kwargs},
                )
            if scalebar:
                _draw_scale(
                    panel.ax,
                    scale_size,
                    scale_units,
                    scale_loc,
                    color=kwargs["color"],
                    size=size,
                )

    def draw_cross(
        self, cut_coords: Sequence[float] | None = None, **kwargs: Any
    ) -> None:
        """Draw lines where the other panels cut.

        Parameters
        ----------
        cut_coords : sequence of float, optional
            In mm, in the order x, y, z; the cuts themselves if not given.
        **kwargs
            Passed to matplotlib's ``Line2D``, such as ``color``.

        Notes
        -----
        With several cuts of one direction there is no one place to cross.
        """
        if not self._mode.crosses:
            return
        coords = self.cut_coords if cut_coords is None else cut_coords
        at = dict(zip(self._mode.directions, coords, strict=True))
        self._cross(list(self.axes.values()), at, kwargs)

    def _cross(
        self, panels: list[Panel], at: dict[str, float], style: dict[str, Any]
    ) -> None:
        style = {
            "color": "0.8" if self._panels.black else "k",
            "linewidth": self._panels.thinning(),
            **style,
        }
        from matplotlib.lines import Line2D

        for panel in panels:
            ax = panel.ax
            across, up = ("xyz"[axis] for axis in PLANE_AXES[panel.direction])
            # Unlike axvline and axhline, these leave the limits of the panel alone.
            if across in at:
                x, place = [at[across]] * 2, ax.get_xaxis_transform()
                ax.add_artist(Line2D(x, [0, 1], transform=place, **style))
            if up in at:
                y, place = [at[up]] * 2, ax.get_yaxis_transform()
                ax.add_artist(Line2D([0, 1], y, transform=place, **style))

    def title(
        self,
        text: str,
        x: float | None = None,
        y: float | None = None,
        size: float | None = None,
        color: Any = None,
        bgcolor: Any = None,
        alpha: float = 1,
        **kwargs: Any,
    ) -> None:
        """Write a title in a box above the panels, in place of an earlier one.

        A title that is too long for the frame is wrapped or shrunk, and the panels
        make room for it. A title with `x` or `y` stays where it is put, and nothing
        moves.

        Parameters
        ----------
        text : str
        x, y : float, optional
            Upper left corner of the box, as parts of the frame.
        size : float, optional
            In points. 15 if not given, and less in small frames.
        color, bgcolor : colour, optional
            Of the text and of the box.
        alpha : float, default=1
            Of the box.
        **kwargs
            Passed to matplotlib's ``text``; with ``ha`` and ``va``, `x` and `y` are
            another point of the box.
        """
        if not isinstance(text, str):
            msg = f"title is {text!r}; it must be a text"
            raise TypeError(msg)
        if size is not None:
            size = check_text_size(size)
        self._panels.set_title(
            text, (x, y), size, color=color, bgcolor=bgcolor, alpha=alpha, **kwargs
        )

    def savefig(
        self,
        filename: str | os.PathLike[str] | IO[bytes],
        dpi: float | None = None,
        **kwargs: Any,
    ) -> None:
        """Save the whole figure.

        Parameters
        ----------
        filename : str, pathlib.Path or binary file object
            The extension tells the format: ".png", ".svg", ".pdf" and others.
            Missing folders are made, and the file appears whole or not at all.
        dpi : float, optional
            Dots per inch of picture files. In vector files every voxel has two pixels
            and more, whatever this is; only interpolated maps follow it, at 300 if
            neither this nor matplotlib's setting says otherwise.
        **kwargs
            Passed to the figure's ``savefig``.
        """
        save_figure(root_figure(self.frame_axes), filename, dpi, **kwargs)

    def close(self) -> None:
        """Close the figure, to free its memory."""
        close_figure(root_figure(self.frame_axes))


def format_position(direction: str, coord: float, decimals: int = 0) -> str:
    """Return the label of a cut, rounded.

    >>> format_position("x", 5.98), format_position("y", -0.2)
    ('x=6', 'y=0')
    """
    # Adding 0.0 turns -0.0 into 0.0.
    return f"{direction}={round(coord, decimals) + 0.0:.{decimals}f}"


def _contoured(volume: Volume, levels: Any) -> Volume:
    """Return the part of a volume that contours at these levels go around."""
    lowest = 0.0 if levels is None else float(np.abs(levels).min())
    if lowest == 0:
        return volume
    return Volume((volume.data >= lowest) | (volume.data <= -lowest), volume.affine)


def _crossed(plane: npt.NDArray[Any], levels: Any) -> bool:
    """Whether a plane has contours; matplotlib warns where there are none."""
    low, high = plane.min(), plane.max()
    if levels is None:
        return bool(low < high)
    values = np.ravel(levels)
    return bool(((low < values) & (values < high)).any())


def _of_those(value: Any, chosen: npt.NDArray[np.bool_]) -> Any:
    """Choose from a sequence that has one value per marker; else return the value."""
    if isinstance(value, str) or not np.iterable(value):
        return value
    values = list(value)
    if len(values) != len(chosen):
        return value  # one colour as (r, g, b)
    return [item for item, kept in zip(values, chosen, strict=True) if kept]


def _draw_scale(
    ax: Axes, length: float, units: str, loc: int | str, *, color: Any, size: float
) -> None:
    from matplotlib.font_manager import FontProperties
    from mpl_toolkits.axes_grid1.anchored_artists import (  # type: ignore[import-untyped]
        AnchoredSizeBar,
    )

    if units not in {"cm", "mm"}:
        msg = f'scale_units is {units!r}; it must be "cm" or "mm"'
        raise ValueError(msg)
    ax.add_artist(
        AnchoredSizeBar(
            ax.transData,
            length * (10 if units == "cm" else 1),
            f"{length:g}{units}",
            loc,
            pad=0.1,
            borderpad=0.5,
            sep=3,
            frameon=False,
            color=color,
            fontproperties=FontProperties(size=size),
        )
    )
