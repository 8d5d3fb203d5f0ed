"""
Threshold a statistical map
===========================

A map is thresholded before it is drawn, while it is drawn, on one side, and by
clusters.

These are the calls of nilearn's example of image thresholding. Only the import lines
changed, and a figure of clusters was added. As a script, this example writes its
figures to a folder::

    python examples/plot_threshold_image.py [folder]
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt

from nithresh import datasets, threshold_img
from nithresh.plotting import plot_stat_map

image = datasets.load_sample_motor_activation_image()
plot_param = {
    "display_mode": "ortho",
    "cut_coords": [5, -26, 21],
    "draw_cross": False,
}

# %%
# The map as it is
# ----------------
plot_stat_map(image, title="image without threshold", **plot_param)

# %%
# Before and during plotting
# --------------------------
# Both show the same voxels. Only in the second case does the colour bar show the
# threshold.
kept = threshold_img(
    image,
    threshold=2,
    cluster_threshold=0,
    two_sided=True,
    copy=True,
    copy_header=True,
)
fig, axes = plt.subplots(3, 1, figsize=(8, 13))
plot_stat_map(image, title="image without threshold", axes=axes[0], **plot_param)
plot_stat_map(
    kept,
    title="image thresholded at 2 before plotting with two_sided=True",
    axes=axes[1],
    **plot_param,
)
plot_stat_map(
    image,
    title="image thresholded during plotting",
    threshold=2,
    axes=axes[2],
    **plot_param,
)

# %%
# One side at a time
# ------------------
positive = threshold_img(image, threshold=2, two_sided=False)
plot_stat_map(positive, title="positive values >= 2", cmap="Reds", **plot_param)

# %%
negative = threshold_img(image, threshold=-2, two_sided=False)
plot_stat_map(negative, title="negative values <= -2", cmap="Blues_r", **plot_param)

# %%
# Clusters
# --------
# One call keeps the clusters of 50 voxels and more at a threshold of 3, and cuts
# through the largest one.
plot_stat_map(
    image,
    title="clusters of 50 voxels and more at 3",
    threshold=3,
    cluster_threshold=50,
    cbar_label="z",
)

# %%
# The files
# ---------
# As a script, the example ends by writing all of its figures.
folder = Path(sys.argv[1] if len(sys.argv) > 1 else "figures")
figures = {
    "1_without_threshold": "the map of a button press, left minus right hand",
    "2_before_and_during_plotting": "its values of 2 and more, on both sides of zero",
    "3_positive": "the positive ones",
    "4_negative": "the negative ones",
    "5_clusters": "clusters of 50 voxels and more at 3: both motor cortices",
}
for number, (name, shown) in zip(plt.get_fignums(), figures.items(), strict=False):
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.png"
    plt.figure(number).savefig(path, dpi=150)
    print(f"{path}: {shown}")
