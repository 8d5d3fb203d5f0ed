"""Colour limits, the ticks of the colour bar and the band of hidden values."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from nithresh._numbers import told_apart
from nithresh.plotting.figures import root_figure
from nithresh.plotting.layout import BarRoom
from nithresh.plotting.text import text_width

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap

__all__ = [
    "Bar",
    "ColorLimits",
    "bar_font_size",
    "bar_room",
    "bar_ticks",
    "color_limits",
    "draw_bar",
    "fit_labels",
    "hidden_band",
    "plan_bar",
]

_TICKS = 5
_COLORS = 512
_GREY = "0.5"
# Points.
_FONT_SIZE = 10.0
_SMALLEST_FONT = 7.0
_TICK_LENGTH = 2.0
_TICK_PAD = 2.0
_LINE_WIDTH = 0.6
# Height of a line of labels, of their size.
_LINE = 1.1


@dataclass(frozen=True)
class ColorLimits:
    """Where the colours end, and where the bar does.

    The two differ where the map does not reach zero: a map of 2 to 5 is coloured
    over 2 to 5, on a bar that starts at 0.
    """

    vmin: float
    vmax: float
    bar_min: float
    bar_max: float


def color_limits(
    low: float,
    high: float,
    vmin: float | None = None,
    vmax: float | None = None,
    *,
    symmetric: bool | str = "auto",
) -> ColorLimits:
    """Return the limits of the colours and of the bar.

    Parameters
    ----------
    low, high : float
        Extremes of the map, zeros included.
    vmin, vmax : float, optional
        The limits that the caller gave.
    symmetric : bool or "auto"
        "auto": with one or no limit given, symmetric when the map has values on
        both sides of zero inside the limits; with both given, when they mirror each
        other.

    Returns
    -------
    ColorLimits

    Raises
    ------
    ValueError
        When the limits contradict each other or the map.

    Examples
    --------
    >>> color_limits(-4.0, 7.9)
    ColorLimits(vmin=-7.9, vmax=7.9, bar_min=-7.9, bar_max=7.9)
    >>> color_limits(-4.0, 7.9, vmin=1)
    ColorLimits(vmin=1.0, vmax=7.9, bar_min=1.0, bar_max=7.9)
    >>> color_limits(2.0, 5.0)
    ColorLimits(vmin=2.0, vmax=5.0, bar_min=0.0, bar_max=5.0)
    """
    if symmetric == "auto":
        symmetric = _looks_symmetric(low, high, vmin, vmax)
    if symmetric:
        end = _mirrored_end(low, high, vmin, vmax)
        limits = ColorLimits(-end, end, -end, end)
    else:
        lower = float(low if vmin is None else vmin)
        upper = float(high if vmax is None else vmax)
        bar_min, bar_max = lower, upper
        if low >= 0 and vmin is None:
            bar_min = 0.0
        elif low < 0 and high <= 0 and vmax is None:
            bar_max = 0.0
        limits = ColorLimits(lower, upper, bar_min, bar_max)
    if limits.vmin > limits.vmax or limits.bar_min > limits.bar_max:
        given = [limit for limit in (vmin, vmax) if limit is not None]
        smallest, largest, *_ = told_apart(low, high, *given, least=3)
        msg = (
            f"vmin={vmin} and vmax={vmax} (symmetric_cbar={symmetric}) leave no "
            f"range of colours: the map runs from {smallest} to {largest}, and vmin "
            "must be below vmax"
        )
        raise ValueError(msg)
    return limits


def _looks_symmetric(
    low: float, high: float, vmin: float | None, vmax: float | None
) -> bool:
    if vmin is not None and vmax is not None:
        return bool(np.isclose(vmin, -vmax))
    lower = low if vmin is None else max(vmin, low)
    upper = high if vmax is None else min(vmax, high)
    return lower < 0 < upper


def _mirrored_end(
    low: float, high: float, vmin: float | None, vmax: float | None
) -> float:
    """Return the upper end of a symmetric bar; the lower is its mirror image."""
    if vmin is not None and vmax is not None:
        return float(vmax if vmin == -vmax else max(abs(vmin), abs(vmax)))
    if vmax is not None:
        return float(vmax)
    if vmin is not None:
        return -float(vmin)
    return float(max(-low, high))


def hidden_band(
    threshold: float | None, low: float, high: float, *, two_sided: bool = True
) -> tuple[float, float] | None:
    """Return the part of the bar from ``low`` to ``high`` that is hidden.

    A value equal to the threshold is shown, so the band is open at that edge.

    Examples
    --------
    >>> hidden_band(2.0, -8.0, 8.0)
    (-2.0, 2.0)
    >>> hidden_band(2.0, -8.0, 8.0, two_sided=False)
    (-8.0, 2.0)
    >>> hidden_band(-2.0, -8.0, 8.0, two_sided=False)
    (-2.0, 8.0)
    >>> hidden_band(0.0, -8.0, 8.0) is None
    True
    """
    if threshold is None:
        return None
    if two_sided:
        start, stop = -threshold, threshold
    elif threshold >= 0:
        start, stop = low, threshold
    else:
        start, stop = threshold, high
    start, stop = max(start, low), min(stop, high)
    return (start, stop) if start < stop else None


def bar_ticks(
    low: float,
    high: float,
    threshold: float | None = None,
    *,
    two_sided: bool = True,
    tick_format: str = "%.2g",
) -> npt.NDArray[np.float64]:
    """Return the ticks of a bar from ``low`` to ``high``, rounded as they print.

    Five even ticks and the threshold (both signs of it where the bar has both),
    without those among the hidden values and those closer than a third of a step to
    a neighbour; the ends, 0 and the threshold stay.

    Examples
    --------
    >>> bar_ticks(-10, 10, 2.5).tolist()
    [-10.0, -5.0, -2.5, 0.0, 2.5, 5.0, 10.0]
    >>> bar_ticks(-10, 10, 2.5, two_sided=False).tolist()
    [-10.0, 0.0, 2.5, 5.0, 10.0]
    """

    def rounded(value: float) -> float:
        return float(tick_format % value) + 0.0  # no "-0"

    first, last = rounded(low), rounded(high)
    if first == last and (not threshold or last == 0):
        return np.array([first])
    count = _TICKS
    if tick_format in {"%i", "%d"}:
        count = min(count, int(last - first) + 1)
    even = [rounded(value) for value in np.linspace(low, high, count)]
    step = max((b - a for a, b in pairwise(even)), default=0.0)

    marks = _threshold_ticks(threshold, low, high, two_sided=two_sided)
    marks = [rounded(mark) for mark in marks]
    stay = {first, 0.0, last, *marks}
    ticks = set(even) | set(marks)
    if marks:
        band = max(abs(mark) for mark in marks)
        if two_sided:
            ticks = {tick for tick in ticks if abs(tick) > band or tick in stay}
        else:
            side = math.copysign(1.0, marks[0])
            ticks = {tick for tick in ticks if tick * side > band or tick in stay}
    if low < 0 < high:
        ticks.add(0.0)
    # A threshold that rounds to next to nothing gives way to the 0 beside it.
    faint = bool(marks) and abs(marks[0]) <= 1e-5 * min(1.0, max(abs(low), abs(high)))
    stay |= {-mark for mark in marks}
    return _thinned(
        sorted(ticks), step / 3, stay, marks, ends=(first, last), faint=faint
    )


def _threshold_ticks(
    threshold: float | None, low: float, high: float, *, two_sided: bool
) -> list[float]:
    if not threshold:
        return []
    if not two_sided:
        return [threshold]
    if low < 0 < high:
        return [-threshold, threshold]
    return [-threshold] if high <= 0 else [threshold]


def _thinned(
    ticks: list[float],
    closest: float,
    stay: set[float],
    marks: list[float],
    *,
    ends: tuple[float, float],
    faint: bool,
) -> npt.NDArray[np.float64]:
    """Drop ticks that lie closer together than ``closest``."""
    dropped = set()
    sides = {*marks, *(-mark for mark in marks)}
    for a, b in pairwise(ticks):
        if b - a >= closest:
            continue
        if a not in stay:
            dropped.add(a)
        elif b not in stay:
            dropped.add(b)
        elif 0.0 in {a, b} and (a in sides or b in sides):
            if faint:
                dropped.add(a if a != 0 else b)
            elif 0.0 not in ends:
                dropped.add(0.0)
    return np.array([tick for tick in ticks if tick not in dropped])


@dataclass(frozen=True)
class Bar:
    """A colour bar before it has a place.

    ``ticks`` are the values where ``labels`` stand; ``band`` is the part of the bar
    that is hidden, None for nothing.
    """

    limits: ColorLimits
    ticks: list[float]
    labels: list[str]
    band: tuple[float, float] | None


def plan_bar(
    limits: ColorLimits,
    threshold: float | None,
    *,
    two_sided: bool = True,
    tick_format: str = "%.2g",
) -> Bar:
    """Return the bar of a map with these limits and this threshold."""
    low, high = limits.bar_min, limits.bar_max
    ticks, labels = [], []
    ends = {tick_format % low: low, tick_format % high: high}
    for tick in bar_ticks(
        low, high, threshold, two_sided=two_sided, tick_format=tick_format
    ).tolist():
        label = tick_format % tick
        # Rounding can take an end off the bar, and a threshold may be beyond it.
        place = ends.get(label, tick)
        if low <= place <= high:
            ticks.append(place)
            labels.append(label)
    band = hidden_band(threshold, low, high, two_sided=two_sided)
    return Bar(limits, ticks, labels, band)


def bar_font_size(frame_width: float) -> float:
    """Return the size of the bar's labels in points, for a frame's width in points."""
    return min(max(frame_width / 25, _SMALLEST_FONT), _FONT_SIZE)


def bar_room(bar: Bar, label: str | None, size: float) -> BarRoom:
    """Return the room in points that a bar needs with labels of this size."""
    from matplotlib.font_manager import FontProperties

    font = FontProperties()
    widest = max(text_width(text, size, font) for text in bar.labels)
    return BarRoom(
        left=0.6 * size + widest + _TICK_LENGTH + _TICK_PAD,
        width=1.1 * size,
        right=size * (0.5 if label is None else 2.2),
        ends=0.5 * size,
        height=1.8 * size * len(bar.labels),
    )


def draw_bar(
    ax: Axes,
    bar: Bar,
    *,
    cmap: str | Colormap | None,
    label: str | None,
    size: float,
    ink: str,
) -> None:
    """Draw a vertical bar that fills ``ax``, ticks on its left.

    The colours are a picture and the band a rectangle over it, so the band's edges
    are exact whatever the number of colours. ``size`` of the labels is in points.
    """
    limits = bar.limits
    low, high = limits.bar_min, limits.bar_max
    edges = np.linspace(low, high, _COLORS + 1)
    ax.imshow(
        ((edges[:-1] + edges[1:]) / 2)[:, np.newaxis],
        extent=(0, 1, low, high),
        origin="lower",
        aspect="auto",
        interpolation="nearest",
        cmap=cmap,
        vmin=limits.vmin,
        vmax=limits.vmax,
    )
    if bar.band is not None:
        ax.axhspan(*bar.band, facecolor=_GREY, edgecolor="none", linewidth=0)
    ax.set_xlim(0, 1)
    ax.set_xticks([])
    ax.set_yticks(bar.ticks, bar.labels)
    ax.set_ylim(low, high)
    ax.yaxis.tick_left()
    ax.tick_params(
        axis="y",
        length=_TICK_LENGTH,
        width=_LINE_WIDTH,
        pad=_TICK_PAD,
        color=ink,
        labelcolor=ink,
        labelsize=size,
    )
    for spine in ax.spines.values():
        spine.set_edgecolor(ink)
        spine.set_linewidth(_LINE_WIDTH)
    if label is not None:
        ax.yaxis.set_label_position("right")
        ax.set_ylabel(label, color=ink, size=size)


def fit_labels(ax: Axes, size: float, height: float) -> None:
    """Fit the tick labels of a bar to its height; the ticks stay where they are.

    Labels that would overlap are moved apart, and shrunk where there is no room for
    that. ``size`` (at most) and ``height`` are in points.
    """
    from matplotlib.transforms import ScaledTranslation

    low, high = ax.get_ylim()
    wanted = (np.asarray(ax.get_yticks()) - low) * (height / (high - low))
    size = min(size, height / (_LINE * len(wanted)))
    beside_tick, *_ = ax.get_yaxis_text1_transform(_TICK_LENGTH + _TICK_PAD)
    scale = root_figure(ax).dpi_scale_trans
    shifts = spread(wanted, _LINE * size) - wanted
    for label, shift in zip(ax.get_yticklabels(), shifts, strict=True):
        label.set_fontsize(size)
        label.set_transform(beside_tick + ScaledTranslation(0, shift / 72, scale))


def spread(
    positions: npt.NDArray[np.float64], distance: float
) -> npt.NDArray[np.float64]:
    """Move rising positions apart, as little as it takes.

    Neighbours that touch form a block around the mean of what they wanted.

    Examples
    --------
    >>> spread(np.array([0.0, 9.0, 10.0, 11.0]), 4.0).tolist()
    [0.0, 6.0, 10.0, 14.0]
    """
    # With the distances taken out, "no closer than" becomes "not falling": blocks
    # are merged until their means rise.
    steps = distance * np.arange(len(positions))
    blocks: list[tuple[float, int]] = []
    for value in (positions - steps).tolist():
        mean, count = value, 1
        while blocks and blocks[-1][0] > mean:
            other, size = blocks.pop()
            mean = (mean * count + other * size) / (count + size)
            count += size
        blocks.append((mean, count))
    means, counts = zip(*blocks, strict=True)
    spaced: npt.NDArray[np.float64] = np.repeat(means, counts) + steps
    return spaced
