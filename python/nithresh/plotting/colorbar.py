"""Colour limits, the ticks of the colour bar and the band of hidden values."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nithresh._numbers import told_apart
from nithresh.plotting.figures import root_figure
from nithresh.plotting.layout import BarRoom
from nithresh.plotting.text import SMALLEST, text_width

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colorbar import Colorbar
    from matplotlib.colors import Colormap

__all__ = [
    "HIDDEN_COLOR",
    "Bar",
    "ColorLimits",
    "bar_room",
    "bar_ticks",
    "centred",
    "color_limits",
    "draw_bar",
    "fit_labels",
    "hidden_band",
    "label_room",
    "plan_bar",
]

_TICKS = 5
_COLORS = 512
#: The colour of hidden values on the bar.
HIDDEN_COLOR = "0.5"
# Points.
_TICK_LENGTH = 2.0
_TICK_PAD = 2.0
_LINE_WIDTH = 0.6
# How far a label may be from its value, as a part of the bar: less than a line's width.
_NEARLY = 0.01
_EXTENDS = {
    (False, False): "neither",
    (True, False): "min",
    (False, True): "max",
    (True, True): "both",
}
_EXTEND_SHARE = 0.05  # of the bar's height, for each pointed end
# Greatest height of a bar, relative to the size of its labels.
_TALLEST = 24.0
# Line height of labels, relative to their size.
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
        limits = ColorLimits(0.0 - end, end, 0.0 - end, end)
    else:
        lower = float(low if vmin is None else vmin)
        upper = float(high if vmax is None else vmax)
        bar_min, bar_max = lower, upper
        if low >= 0 and vmin is None:
            bar_min = 0.0
        elif low < 0 and high <= 0 and vmax is None:
            bar_max = 0.0
        if bar_min < bar_max and lower > upper:
            # All of the map is beyond the limit that was given.
            lower, upper = bar_min, bar_max
        limits = ColorLimits(lower, upper, bar_min, bar_max)
    if not np.isfinite(limits.vmax - limits.vmin):
        msg = (
            f"the colours would run from {limits.vmin:g} to {limits.vmax:g}, which is "
            "more than a figure can show"
        )
        raise ValueError(msg)
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


def centred(limits: ColorLimits, vmin: float | None, vmax: float | None) -> ColorLimits:
    """Return limits that centre a diverging colour map on 0.

    The bar keeps its ends. Nothing changes if the caller gave both limits, or if both
    ends of the bar are on one side of 0.

    Examples
    --------
    >>> centred(color_limits(2.0, 5.0), None, None)
    ColorLimits(vmin=-5.0, vmax=5.0, bar_min=0.0, bar_max=5.0)
    """
    both_given = vmin is not None and vmax is not None
    if both_given or limits.bar_min > 0 or limits.bar_max < 0:
        return limits
    end = max(-limits.bar_min, limits.bar_max)
    return dataclasses.replace(limits, vmin=-end, vmax=end)


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
    that is hidden, None for nothing; ``extend`` says which ends are pointed, because
    there are values beyond them: "neither", "min", "max" or "both".
    """

    limits: ColorLimits
    ticks: list[float]
    labels: list[str]
    band: tuple[float, float] | None
    extend: str = "neither"


def plan_bar(
    limits: ColorLimits,
    threshold: float | None,
    *,
    two_sided: bool = True,
    tick_format: str = "%.2g",
    drawn: tuple[float, float] = (0.0, 0.0),
) -> Bar:
    """Return the bar of a map with these limits and this threshold.

    ``drawn`` are the smallest and the largest value that are drawn.
    """
    low, high = limits.bar_min, limits.bar_max
    band = hidden_band(threshold, low, high, two_sided=two_sided)
    nearly = _NEARLY * (high - low)
    ticks: list[float] = []
    labels: list[str] = []
    ends = {tick_format % low: low, tick_format % high: high}
    for tick in bar_ticks(
        low, high, threshold, two_sided=two_sided, tick_format=tick_format
    ).tolist():
        label = tick_format % tick
        # Rounding can move an end off the bar, and a threshold can lie beyond it.
        place = ends.get(label, tick)
        if abs(float(label) - place) > nearly:
            # A format such as "%i" drops digits: the label moves to what it states.
            place = float(label)
        is_hidden = band is not None and (
            place != 0 and band[0] + nearly < place < band[1] - nearly
        )
        if low <= place <= high and not is_hidden and label not in labels:
            ticks.append(place)
            labels.append(label)
    extend = _EXTENDS[drawn[0] < low, drawn[1] > high]
    return Bar(limits, ticks, labels, band, extend)


def label_room(label: str, size: float) -> float:
    """Return the room in points right of a bar with a label of this size."""
    return size * (2.2 if len(label) > 1 else 1.7 if label else 0.5)


def bar_room(bar: Bar, size: float) -> BarRoom:
    """Return the room in points that a bar needs with tick labels of this size."""
    from matplotlib.font_manager import FontProperties

    font = FontProperties()
    widest = max((text_width(text, size, font) for text in bar.labels), default=0.0)
    return BarRoom(
        left=0.6 * size + widest + _TICK_LENGTH + _TICK_PAD,
        width=1.1 * size,
        right=label_room("", size),
        ends=0.5 * size,
        height=1.8 * size * len(bar.labels),
        most=_TALLEST * size,
    )


def draw_bar(
    ax: Axes,
    bar: Bar,
    *,
    cmap: Colormap,
    label: str | None,
    size: float,
    ink: str,
    band_color: Any,
) -> Colorbar:
    """Draw a vertical bar that fills ``ax``, ticks on its left.

    The band is a rectangle over the colours, so its edges are exact whatever their
    number. ``size`` of the labels is in points.
    """
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import ListedColormap, Normalize

    limits = bar.limits
    low, high = limits.bar_min, limits.bar_max
    edges = np.linspace(low, high, _COLORS + 1)
    # Pointed ends have the colours of values beyond the limits.
    norm = Normalize(limits.vmin, limits.vmax)
    colors = cmap(norm((edges[:-1] + edges[1:]) / 2))
    shown = ListedColormap(colors, name=cmap.name).with_extremes(
        under=cmap(-1.0), over=cmap(2.0)
    )
    drawn: Colorbar = ax.figure.colorbar(
        ScalarMappable(Normalize(low, high), shown),
        cax=ax,
        extend=bar.extend,
        extendfrac=_EXTEND_SHARE,
        extendrect=False,
    )
    # One picture in a vector file, without seams between its colours.
    if drawn.solids is not None:
        drawn.solids.set_rasterized(True)
    if bar.band is not None:
        ax.axhspan(*bar.band, facecolor=band_color, edgecolor="none", linewidth=0)
    drawn.set_ticks(bar.ticks, labels=bar.labels)
    ax.set_ylim(low, high)
    ax.yaxis.tick_left()
    ax.minorticks_off()
    ax.tick_params(
        axis="y",
        length=_TICK_LENGTH,
        width=_LINE_WIDTH,
        pad=_TICK_PAD,
        color=ink,
        labelcolor=ink,
        labelsize=size,
    )
    drawn.outline.set_edgecolor(ink)
    drawn.outline.set_linewidth(_LINE_WIDTH)
    ax.yaxis.set_label_position("right")
    ax.yaxis.label.set_color(ink)
    ax.yaxis.label.set_fontsize(size)
    if label is not None:
        # A single letter stays upright.
        turned: dict[str, Any] = (
            {"rotation": 0, "ha": "left", "va": "center"} if len(label) == 1 else {}
        )
        ax.set_ylabel(label, **turned)
    return drawn


def fit_labels(ax: Axes, size: float, height: float) -> None:
    """Fit the tick labels of a bar to its height; the ticks stay where they are.

    Labels that would overlap are moved apart, and shrunk where there is no room for
    that; those that would be too small to read are left out, but for the ends.
    ``size`` (at most) and ``height`` are in points.
    """
    from matplotlib.transforms import ScaledTranslation

    low, high = ax.get_ylim()
    fitting = max(int(height / (_LINE * SMALLEST)), 2)
    if len(ax.get_yticks()) > fitting:
        texts = [label.get_text() for label in ax.get_yticklabels()]
        stay = np.unique(np.linspace(0, len(texts) - 1, fitting).round().astype(int))
        ax.set_yticks(ax.get_yticks()[stay], [texts[index] for index in stay])
    wanted = (np.asarray(ax.get_yticks()) - low) * (height / (high - low))
    size = min(size, max(height / (_LINE * max(len(wanted), 1)), SMALLEST))
    beside_tick, *_ = ax.get_yaxis_text1_transform(_TICK_LENGTH + _TICK_PAD)
    scale = root_figure(ax).dpi_scale_trans
    if not len(wanted):
        return
    shifts = spread(wanted, _LINE * size) - wanted
    for label, shift in zip(ax.get_yticklabels(), shifts, strict=True):
        label.set_fontsize(size)
        label.set_transform(beside_tick + ScaledTranslation(0, shift / 72, scale))


def spread(
    positions: npt.NDArray[np.float64], distance: float
) -> npt.NDArray[np.float64]:
    """Move rising positions apart, as little as it takes.

    Neighbours that touch form a block around the mean of their positions.

    Examples
    --------
    >>> spread(np.array([0.0, 9.0, 10.0, 11.0]), 4.0).tolist()
    [0.0, 6.0, 10.0, 14.0]
    """
    # Without the distances this is isotonic regression: neighbours are pooled until
    # their means rise.
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
