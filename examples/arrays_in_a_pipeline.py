"""
Arrays in a pipeline
====================

The functions for arrays need NumPy only. They take any memory order, three or four axes
and every real type of up to 64 bits, and they release the interpreter lock.
"""

# %%
# A series of maps
# ----------------
# Twenty noisy maps with the same two blobs, one positive and one negative.
import matplotlib.pyplot as plt
import numpy as np

import nithresh

rng = np.random.default_rng(0)
i, j, k = np.mgrid[:40, :40, :20]


def blob(centre, width):
    """Return a Gaussian."""
    squares = [(axis - c) ** 2 for axis, c in zip((i, j, k), centre, strict=True)]
    return np.exp(-sum(squares) / (2 * width**2))


signal = 5 * blob((12, 20, 10), 4) - 4 * blob((28, 22, 10), 3)
series = signal[..., None] + rng.standard_normal((40, 40, 20, 20))
series = np.asfortranarray(series, dtype=np.float32)

# %%
# Each volume of a series is thresholded separately, in one call. ``cluster_threshold``
# drops the specks of noise.
kept = nithresh.threshold(series, 3, cluster_threshold=10)
share = (kept != 0).mean(axis=3)

figure, panels = plt.subplots(1, 3, figsize=(8, 3), layout="constrained")
for panel, plane, title in zip(
    panels,
    (series[..., 10, 0], kept[..., 10, 0], share[..., 10]),
    ("one map", "kept of it", "share of maps that keep it"),
    strict=True,
):
    shares = title.startswith("share")
    drawn = panel.imshow(
        plane.T,
        cmap="viridis" if shares else "RdBu_r",
        vmin=0 if shares else -6,
        vmax=1 if shares else 6,
        origin="lower",
    )
    panel.set_title(title)
    panel.set_axis_off()
    figure.colorbar(drawn, ax=panel, shrink=0.7)

# %%
# No copy
# -------
# ``out`` writes to an array that exists already, which may be the input.
result = nithresh.threshold(series, 3, cluster_threshold=10, out=series)
print(result is series, np.array_equal(series, kept))

# %%
# Labels
# ------
# :func:`nithresh.label` numbers the clusters of one volume, the largest first.
labels, count = nithresh.label(series[..., 0], 3)
print(count, "clusters of", np.bincount(labels.ravel())[1:], "voxels")

# %%
# Threads
# -------
# Large arrays use all cores. Where a pipeline has its own workers, one thread for each
# is right. The result does not depend on the number.
nithresh.set_num_threads(1)
print(nithresh.get_num_threads(), "thread")
