"""``report``: a threshold, its figure and its table first, and then the live page."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any, Literal

from nithresh._choices import finite
from nithresh._params import check_count
from nithresh._rules import CONNECTIVITY, TWO_SIDED
from nithresh.plotting.clusters import plot_clusters
from nithresh.plotting.maps import Template
from nithresh.viewer.page import escaped, image_of, table_of
from nithresh.viewer.prepare import DOTS_PER_INCH, Prepared
from nithresh.viewer.views import check_title, page_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.colors import Colormap

    from nithresh._open import ImageOrPath
    from nithresh.viewer.views import View

__all__ = ["report"]


def report(
    img: ImageOrPath,
    threshold: float | str,
    *,
    n: int = 5,
    cluster_threshold: int = 0,
    two_sided: bool = TWO_SIDED,
    connectivity: int = CONNECTIVITY,
    comparison: str | None = None,
    rules: str | None = None,
    mask_img: ImageOrPath | None = None,
    bg_img: ImageOrPath | Template | Literal[False] | None = Template.MNI152,
    cut_coords: Sequence[float] | str | None = None,
    title: str | None = None,
    cmap: str | Colormap = "RdBu_r",
    lowest: float | None = None,
    volume: int | None = None,
) -> View:
    """Make a page to send: the clusters at one threshold first, then the live page.

    First come the figure of :func:`nithresh.plotting.plot_clusters` and the table with
    its sub-peaks, both fixed; then all that :func:`nithresh.view` shows; then what it
    was all made of, as a sidecar says it.

    Parameters
    ----------
    img : str, pathlib.Path or nibabel image
        A map of shape (x, y, z), or (x, y, z, volumes) with `volume`.
    threshold : float or str
        In the units of the map, or a percentile such as ``"95%"``.
    n : int, default=5
        How many clusters the figure shows at most.
    cluster_threshold, two_sided, connectivity, comparison, rules, mask_img, bg_img, \
cut_coords, title, cmap, lowest, volume
        As in :func:`nithresh.view`.

    Returns
    -------
    View
        To save, to open in a browser, or to show in a notebook.

    Raises
    ------
    TypeError
        An argument of the wrong type.
    ValueError
        An argument of the right type with a value that is not allowed.

    Examples
    --------
    >>> from nithresh import datasets
    >>> from nithresh.viewer import report
    >>> image = datasets.load_sample_motor_activation_image()
    >>> page = report(image, 5, n=1, cluster_threshold=200)
    >>> page.choices["threshold_resolved"]
    5.0
    """
    n = check_count(n, "n")
    check_title(title)
    prepared = Prepared.of(
        img,
        threshold,
        cluster_threshold=cluster_threshold,
        two_sided=two_sided,
        connectivity=connectivity,
        comparison=comparison,
        rules=rules,
        mask_img=mask_img,
        bg_img=bg_img,
        cut_coords=cut_coords,
        cmap=cmap,
        lowest=lowest,
        volume=volume,
        max_peaks=4,
    )
    clusters = prepared.clusters
    table = table_of(clusters.table)
    rule = escaped(str(clusters).partition("\n")[0])
    picture = image_of(_figure(prepared, n), "A row of slices for a cluster")
    fixed = (
        f'<section id="fixed"><h2>{rule}</h2>\n{picture}\n<table><thead><tr>'
        f"{table['head']}</tr></thead><tbody>{table['rows']}</tbody></table>"
        f"<p>{table['more']}</p></section>\n<h2>Other thresholds</h2>"
    )
    text = json.dumps(finite(prepared.choices), indent=2)
    sidecar = (
        "<details><summary>What this page was made of</summary>"
        f"<pre>{escaped(text)}</pre></details>"
    )
    return page_of(prepared, title, report=fixed, sidecar=sidecar)


def _figure(prepared: Prepared, n: int) -> bytes:
    """Draw the first clusters: a PNG file."""
    from matplotlib import rc_context

    figure = io.BytesIO()
    settings: Any = {"savefig.format": "png", "savefig.dpi": DOTS_PER_INCH}
    with rc_context(settings):
        plot_clusters(
            prepared.clusters,
            n,
            prepared.bg_img,
            output_file=figure,
            cmap=prepared.cmap,
        )
    return figure.getvalue()
