"""
Threshold-free cluster enhancement
==================================

TFCE (Smith and Nichols, 2009) gives each voxel a score: an integral over all thresholds
below its value. High voxels and large clusters score high. nithresh computes it
exactly, so there is no step to choose.
"""

# %%
# The scores of a map
# -------------------
# Scores below 100 are hidden here.
import matplotlib.pyplot as plt
import nibabel
import numpy as np

import nithresh
from nithresh import datasets
from nithresh.plotting import plot_stat_map

image = nibabel.load(datasets.load_sample_motor_activation_image())
scores = nithresh.tfce_img(image)
plot_stat_map(
    scores,
    threshold=100,
    cut_coords=[36, -25, 52],
    draw_cross=False,
    cbar_tick_format="%i",
    cbar_label="TFCE score",
)

# %%
# Why exact
# ---------
# Other implementations sum over a fixed number of thresholds. This is such a sum,
# written with :func:`nithresh.label`. It comes closer to the exact scores with more
# thresholds, and takes longer.


def sampled(data, steps):
    """Sum the scores of positive voxels over evenly spaced thresholds."""
    step = data.max() / steps
    total = np.zeros(data.shape)
    for height in step * (np.arange(steps) + 0.5):
        labels, _ = nithresh.label(data, height, two_sided=False)
        extents = np.bincount(labels.ravel())
        extents[0] = 0
        total += np.sqrt(extents[labels]) * height**2 * step
    return total


data = image.get_fdata()
exact = nithresh.tfce(data, two_sided=False)
numbers = [5, 10, 20, 50, 100, 200]
errors = [np.abs(sampled(data, steps) - exact).max() / exact.max() for steps in numbers]

figure, axis = plt.subplots(figsize=(5, 3), layout="constrained")
axis.loglog(numbers, 100 * np.array(errors), "o-")
axis.set_xticks(numbers, numbers)
axis.set_xticks([], minor=True)
axis.set_yticks([0.5, 1, 2, 5, 10, 20], [0.5, 1, 2, 5, 10, 20])
axis.set_yticks([], minor=True)
axis.set_xlabel("number of thresholds")
axis.set_ylabel("largest error,\n% of the largest score")
axis.spines[["top", "right"]].set_visible(False)

# %%
# Parameters
# ----------
# ``E`` and ``H`` are the powers of extent and height. 26 neighbours join more voxels,
# so scores grow.
for words in ({}, {"connectivity": 26}, {"E": 1.0, "H": 2.0}):
    print(f"{words}: {nithresh.tfce(data, **words).max():.0f}")
