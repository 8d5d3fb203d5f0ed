"""Two figures of a permutation test: the clusters that survive, and the null."""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from nithresh.permutation.result import PermutationResult

_NAMES = {
    "peak": "largest value",
    "extent": "largest extent (voxels)",
    "mass": "largest mass",
    "excess_mass": "largest mass above the threshold",
    "tfce": "largest TFCE score",
}


def draw_surviving(result: PermutationResult, alpha: float) -> bytes:
    """Draw the clusters whose corrected p of the extent is at most alpha, as PNG."""
    import nibabel

    from nithresh.grids import to_mm
    from nithresh.plotting import plot_stat_map

    clusters = result.clusters
    table = clusters.table
    p = table["p_fwe_extent"]
    survive = [label for label, row in clusters.lookup.items() if p[row] <= alpha]
    labels = np.asarray(clusters.labels_img.dataobj)
    kept = np.asarray(clusters.thresholded_img.dataobj)
    shown = np.where(np.isin(labels, survive), kept, 0).astype(np.float32)
    image = nibabel.Nifti1Image(shown, result.stat_img.affine)
    count = len(survive)
    word = "cluster" if count == 1 else "clusters"
    (middle,) = to_mm(image.affine, (np.array([shown.shape]) - 1) / 2)
    stream = io.BytesIO()
    plot_stat_map(
        image,
        threshold=result.thresholds[0],
        # Where there is nothing to cut through, the title says so.
        cut_coords=None if count else middle.tolist(),
        title=f"{count} {word} with corrected p of the extent up to {alpha:g}",
        cbar_label=result.choices["statistic"],
        output_file=stream,
    )
    return stream.getvalue()


def draw_null(result: PermutationResult, alpha: float) -> bytes:
    """Draw the null: maxima, what was observed, and critical values, as PNG."""
    from matplotlib.figure import Figure

    names = result.null.statistics
    rows = math.ceil(len(names) / 2)
    figure = Figure(figsize=(7.1, 2.0 * rows), layout="constrained")
    panels: Any = figure.subplots(rows, 2, squeeze=False)
    critical = result.critical(alpha)
    for axes, name in zip(panels.ravel(), names, strict=False):
        values = result.null.of(name)
        level = np.atleast_1d(critical[name])[0]
        axes.hist(values, bins=_bins(values, name), color="0.75")
        if math.isfinite(level):
            axes.axvline(level, color="black", linestyle="--", linewidth=1)
        axes.axvline(values[0], color="C3", linewidth=1.5)
        axes.set_xlabel(_NAMES[name], fontsize=8)
        axes.tick_params(labelsize=7)
        axes.set_yticks([])
        for side in ("left", "right", "top"):
            axes.spines[side].set_visible(False)
    for axes in panels.ravel()[len(names) :]:
        axes.set_axis_off()
    figure.suptitle(
        f"{len(result.null)} permutations; red: observed; dashed: p = {alpha:g}",
        fontsize=9,
    )
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=150)
    return stream.getvalue()


def _bins(values: NDArray[np.float64], name: str) -> int | NDArray[np.float64]:
    """Return the bins of a histogram: of whole numbers where values are."""
    count = min(60, max(8, len(values) // 20))
    if name != "extent":
        return count
    low, high = values.min(), values.max()
    width = math.ceil((high - low + 1) / count)
    return np.arange(low, high + width + 1, width) - 0.5
