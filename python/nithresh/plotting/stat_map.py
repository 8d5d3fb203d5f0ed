"""``plot_stat_map``: check the arguments, prepare the images, draw them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from nithresh._params import check_bool, check_volume
from nithresh._rules import CONNECTIVITY, TWO_SIDED
from nithresh.plotting.checks import (
    check_black_bg,
    check_color,
    check_decimals,
    check_imshow_kwargs,
    check_interpolation,
    check_label,
    check_limit,
    check_tick_format,
)
from nithresh.plotting.cmaps import colormap, is_diverging
from nithresh.plotting.colorbar import centred, color_limits
from nithresh.plotting.cuts import check_cuts, choose_cuts
from nithresh.plotting.display import SliceDisplay
from nithresh.plotting.figures import closed_on_error, open_frame
from nithresh.plotting.geometry import union
from nithresh.plotting.maps import (
    HIDE_ZEROS,
    Template,
    check_clusters,
    check_map_request,
    open_background,
    open_labels,
    open_stat_map,
    open_transparency,
    with_colors,
)
from nithresh.plotting.modes import mode_named
from nithresh.plotting.panels import Panels

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence
    from typing import IO

    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure, SubFigure

    from nithresh._open import ImageOrPath
    from nithresh.clusters import Clusters
    from nithresh.plotting.colorbar import ColorLimits
    from nithresh.plotting.geometry import Bounds, Volume
    from nithresh.plotting.maps import Background, StatMap

__all__ = ["color_map", "plot_stat_map", "view_of"]


# Long because nilearn's signature has as many arguments.
def plot_stat_map(
    stat_map_img: ImageOrPath,
    bg_img: ImageOrPath | Template | Literal[False] | None = Template.MNI152,
    cut_coords: float | Sequence[float] | dict[str, list[float]] | str | None = None,
    output_file: str | os.PathLike[str] | IO[bytes] | None = None,
    display_mode: str = "ortho",
    colorbar: bool = True,  # noqa: FBT001, FBT002 - nilearn's signature
    cbar_tick_format: str = "%.2g",
    figure: Figure | SubFigure | int | str | None = None,
    axes: Axes | Sequence[float] | None = None,
    title: str | None = None,
    threshold: float | str | None = HIDE_ZEROS,
    annotate: bool = True,  # noqa: FBT001, FBT002 - nilearn's signature
    draw_cross: bool = True,  # noqa: FBT001, FBT002 - nilearn's signature
    black_bg: bool | Literal["auto"] = "auto",  # noqa: FBT001 - nilearn's signature
    cmap: str | Colormap = "RdBu_r",
    symmetric_cbar: bool | Literal["auto"] = "auto",  # noqa: FBT001 - nilearn's
    dim: float | Literal["auto"] = "auto",
    vmin: float | None = None,
    vmax: float | None = None,
    radiological: bool = False,  # noqa: FBT001, FBT002 - nilearn's signature
    resampling_interpolation: str = "continuous",
    transparency: ImageOrPath | float | None = None,
    transparency_range: Sequence[float] | None = None,
    *,
    cluster_threshold: int = 0,
    two_sided: bool = TWO_SIDED,
    connectivity: int = CONNECTIVITY,
    comparison: str | None = None,
    rules: str | None = None,
    clusters: Clusters | None = None,
    cbar_label: str | None = None,
    volume: int | None = None,
    decimals: int | None = None,
    brain_color: Any = "0.5",
    dpi: float | None = None,
    **kwargs: Any,
) -> SliceDisplay:
    """Draw cuts through a statistical map; a drop-in for nilearn's function.

    The map is thresholded voxel by voxel before anything is drawn, by the rule of
    :func:`nithresh.threshold_img`: a voxel equal to the threshold is shown, and no
    pixel shows a value below it. Only the voxels in the cuts are read. Only cuts
    through an oblique image are resampled.

    Parameters
    ----------
    stat_map_img : str, pathlib.Path or nibabel image
        A map of shape (x, y, z), or (x, y, z, volumes) with one volume or with
        `volume`. Never changed. NaN and infinities count as 0.
    bg_img : str, pathlib.Path, nibabel image or None
        The background; its zeros are not drawn. The brain of the MNI152 template if
        not given, nothing if None or False.
    cut_coords : float, sequence of float, dict, str or None
        Where to cut, in mm. For ``"ortho"`` and ``"tiled"`` x, y and z; for two
        panels two numbers in that order too. For ``"x"``, ``"y"`` and ``"z"`` a list,
        or a number of cuts (None is 7): those go through the strongest slices that lie
        apart, chosen as in nilearn among those that show something. For ``"mosaic"`` a
        number of cuts, three of them (x, y, z), or a list of cuts for each of
        ``{"x": ..., "y": ..., "z": ...}``.
        ``"cluster:3"`` is the peak of cluster 3 of `clusters`. ``"peak"`` is that of
        cluster 1 or, without `clusters`, the voxel with the largest abs(value) that is
        shown. With None, other modes cut through the centre of mass of the largest
        cluster, or its nearest voxel if the centre lies outside. The clusters are those
        at the threshold or, if it hides nothing, at the 80th percentile of the non-zero
        abs(values).
    output_file : str, pathlib.Path or binary file object, optional
        Save the figure here and close it. The extension tells the format, or
        matplotlib's setting does; missing folders are made.
    display_mode : {"ortho", "tiled", "mosaic", "x", "y", "z", "xz", "yz", "yx"}
        ``"ortho"``, the default, is sagittal, coronal and axial panels in a row,
        ``"tiled"`` the same in two rows. ``"x"``, ``"y"`` and ``"z"`` are several
        cuts of one direction, in rows where they are more than eight, and
        ``"mosaic"`` a row of those for each direction.
    colorbar : bool, default=True
        Draw a colour bar, on which hidden values are grey.
    cbar_tick_format : str, default="%.2g"
        ``"%i"`` for integers.
    figure : matplotlib figure or subfigure, int or str, optional
        Where to draw; the number or the name is pyplot's. A new one if not given.
    axes : matplotlib axes or (left, bottom, width, height), optional
        Which part of a figure to fill, the latter as parts of the figure.
    title : str, optional
        Above the panels; wrapped or shrunk when it is too long.
    threshold : float, str or None, default=1e-6
        In the units of the map. The default hides only zeros, however small the
        other values are. ``"95%"`` is that of `threshold_img`: a percentile of
        abs(values) (of the values >= 0 if not `two_sided`), linearly interpolated,
        plus 1e-5. ``"auto"`` is ``"80%"``. None hides nothing, not even zeros.
    annotate : bool, default=True
        Mark left and right, and the cuts.
    draw_cross : bool, default=True
        Mark where the other panels cut.
    black_bg : bool or "auto", default="auto"
        Draw on black. "auto": if the image given as `bg_img` is dark at its faces, or
        the figure to draw on is dark.
    cmap : str or matplotlib colormap, default="RdBu_r"
        matplotlib's names and nilearn's. Diverging colours are centred on 0, so that a
        map of one sign has half of them, unless `vmin` and `vmax` say otherwise.
    symmetric_cbar : bool or "auto", default="auto"
        Whether the colours run from -vmax to vmax. "auto": if the map has both
        signs or, when `vmin` and `vmax` are given, if those mirror each other.
    dim : float or "auto", default="auto"
        How much to dim the background: -2 to 2, "auto" is 0.8 on black and 0.6 on
        white, 0 not at all.
    vmin, vmax : float, optional
        Ends of the colours; the extremes of the map before thresholding, if not
        given. Values beyond them have the colour of the end, and the bar a pointed
        end. Where they leave no colours for a sign (`vmin` >= -threshold, or `vmax`
        <= threshold) its values are not drawn, and a warning says so.
    radiological : bool, default=False
        Flip the panels left to right, so that the left of the brain is on the
        right.
    resampling_interpolation : {"continuous", "linear", "nearest"}
        How a cut through an *oblique* map is sampled: the first two interpolate
        linearly between voxels. This matters only if nothing is hidden (`threshold` is
        None) and not all values are integers. All other maps are drawn voxel by voxel,
        because a blend of voxels above and below the threshold would show values below
        it.
    transparency : float, str, pathlib.Path or nibabel image, optional
        Alpha from 0 to 1. An image gives one for each voxel: its abs(value), scaled
        from `transparency_range` to 0 to 1.
    transparency_range : (float, float), optional
        From 0 to the largest abs(value) if not given.
    cluster_threshold : int, default=0
        The smallest cluster that is shown, in voxels.
    two_sided : bool, default=True
        Show ``abs(v) >= threshold``. Otherwise show ``v >= threshold``, or
        ``v <= threshold`` if the threshold is negative.
    connectivity : {6, 18, 26}, default=6
        Voxels of a cluster share a face; a face or an edge; a face, an edge or a
        corner.
    comparison : {">=", ">"}, optional
        ``">"`` hides voxels that equal the threshold, as for
        :func:`nithresh.threshold_img`.
    rules : str, optional
        The defaults of another tool, such as ``"spm"``, as for
        :func:`nithresh.threshold_img`.
    clusters : Clusters, optional
        What :func:`nithresh.find_clusters` gave for this map or another one. In each
        panel its clusters are outlined along the borders of their voxels, and their
        numbers, the ids of its table, written over them. Only `threshold` and
        `cluster_threshold` hide voxels.
    cbar_label : str, optional
        Beside the bar, such as "z".
    volume : int, optional
        Which volume of a 4-D image, counted from 0.
    decimals : int, optional
        Decimals of the positions of the cuts. If not given, enough to tell neighbouring
        cuts and slices apart.
    brain_color : colour, default="0.5"
        The colour of hidden values on the bar.
    dpi : float, optional
        Dots per inch of `output_file`, see :meth:`SliceDisplay.savefig`.
    **kwargs
        Passed to matplotlib's ``imshow`` for the map, such as ``interpolation``
        ("nearest" if not given; others blend pixels when the figure is drawn).

    Returns
    -------
    SliceDisplay
        To draw more on, to save and to close.

    Raises
    ------
    TypeError
        An argument of the wrong type.
    ValueError
        An argument of the right type with a value that is not allowed; among them
        cuts that all lie outside the map, a cluster that `clusters` does not have,
        and a 4-D image without `volume`.

    Warns
    -----
    UserWarning
        Some cuts lie outside the map (their panels show the background alone),
        nothing is left to show, or the limits leave no colours for a sign.

    Examples
    --------
    >>> import io
    >>> from matplotlib.figure import Figure
    >>> from nithresh import datasets
    >>> from nithresh.plotting import plot_stat_map
    >>> image = datasets.load_sample_motor_activation_image()
    >>> display = plot_stat_map(
    ...     image, threshold=3, cluster_threshold=20, figure=Figure(figsize=(7.3, 3.5))
    ... )
    >>> [round(float(coord)) for coord in display.cut_coords]
    [36, -25, 52]
    >>> display.savefig(io.BytesIO())

    The same clusters outlined, on all of the map:

    >>> from nithresh import find_clusters
    >>> clusters = find_clusters(image, 3, cluster_threshold=20)
    >>> display = plot_stat_map(
    ...     image,
    ...     clusters=clusters,
    ...     cut_coords="cluster:2",
    ...     figure=Figure(figsize=(7.3, 3.5)),
    ... )
    >>> [round(coord) for coord in display.cut_coords]
    [-24, -31, 73]
    """
    colorbar = check_bool(colorbar, "colorbar")
    annotate = check_bool(annotate, "annotate")
    draw_cross = check_bool(draw_cross, "draw_cross")
    radiological = check_bool(radiological, "radiological")
    black_bg = check_black_bg(black_bg, figure, axes)
    if symmetric_cbar != "auto":
        symmetric_cbar = check_bool(symmetric_cbar, "symmetric_cbar")
    vmin, vmax = check_limit(vmin, "vmin"), check_limit(vmax, "vmax")
    decimals = check_decimals(decimals)
    bar: dict[str, Any] = {
        "tick_format": check_tick_format(cbar_tick_format),
        "label": check_label(cbar_label),
        "band_color": check_color(brain_color, "brain_color"),
    }
    check_imshow_kwargs(kwargs, plot_stat_map)
    linear = check_interpolation(resampling_interpolation)
    request = check_map_request(
        threshold,
        two_sided=two_sided,
        cluster_threshold=cluster_threshold,
        connectivity=connectivity,
        comparison=comparison,
        rules=rules,
    )
    if clusters is not None:
        clusters = check_clusters(clusters)
    mode = mode_named(display_mode)
    asked = check_cuts(display_mode, cut_coords, clusters)

    stat_map = open_stat_map(stat_map_img, request, volume=check_volume(volume))
    background = open_background(bg_img, black_bg=black_bg, dim=dim)
    alpha = open_transparency(transparency, transparency_range)
    labels = None if clusters is None else open_labels(clusters)
    stat_map, colors, limits = color_map(
        stat_map, cmap, vmin, vmax, symmetric=symmetric_cbar
    )
    cuts = choose_cuts(stat_map, mode, asked)

    frame = open_frame(
        figure,
        axes,
        mode.figure_size(cuts, colorbar=colorbar),
        facecolor="k" if background.black else "w",
        on_screen=output_file is None,
    )
    with closed_on_error(frame, figure, axes):
        panels = Panels(
            frame,
            rows := mode.arranged(cuts),
            view_of(stat_map, background, labels),
            black=background.black,
            radiological=radiological,
            columns=mode.columns(len(rows[0])),
        )
        with panels.placed_once():
            panels.draw_background(background)
            panels.draw_map(
                stat_map,
                limits,
                {"cmap": colors, **kwargs},
                transparency=alpha,
                linear=linear,
            )
            if colorbar:
                panels.add_bar(stat_map, limits, cmap=colors, **bar)
            display = SliceDisplay(panels, mode)
            if title:
                display.title(title)
            if annotate:
                display.annotate(decimals=decimals)
            if draw_cross:
                display.draw_cross()
            if labels is not None:
                panels.draw_clusters(labels)
        if output_file is not None:
            display.savefig(output_file, dpi=dpi)
            display.close()
    return display


def color_map(
    stat_map: StatMap,
    cmap: Any,
    vmin: float | None,
    vmax: float | None,
    *,
    symmetric: bool | Literal["auto"] = "auto",
) -> tuple[StatMap, Colormap, ColorLimits]:
    """Return what is drawn of a map, the colours, and where they end."""
    colors = colormap(cmap)
    limits = color_limits(stat_map.low, stat_map.high, vmin, vmax, symmetric=symmetric)
    if is_diverging(colors):
        limits = centred(limits, vmin, vmax)
    return with_colors(stat_map, limits.bar_min, limits.bar_max), colors, limits


def view_of(
    stat_map: StatMap, background: Background, labels: Volume | None = None
) -> Bounds:
    """Return what the panels show, in mm: the brain, all of the map, all clusters."""
    volumes = [stat_map.kept, background.volume, labels]
    boxes = [volume.content_bounds for volume in volumes if volume is not None]
    found = [box for box in boxes if box is not None]
    return union(found) if found else stat_map.kept.bounds
