"""Threshold a statistical map: before a plot, during it, and by clusters.

nilearn's example of image thresholding, with nithresh's functions in the place of
nilearn's, and a figure of clusters at the end. Writes PNG files:

    python examples/plot_threshold_image.py [folder]
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt

from nithresh import datasets, threshold_img
from nithresh.plotting import plot_stat_map

folder = Path(sys.argv[1] if len(sys.argv) > 1 else "figures")
folder.mkdir(parents=True, exist_ok=True)


def save(name):
    path = folder / f"{name}.png"
    plt.savefig(path, dpi=150)
    plt.close()
    print(path)


image = datasets.load_sample_motor_activation_image()
plot_param = {
    "display_mode": "ortho",
    "cut_coords": [5, -26, 21],
    "draw_cross": False,
}

# %%
# The map as it is.
plot_stat_map(image, title="image without threshold", **plot_param)
save("1_without_threshold")

# %%
# Thresholding before or during plotting shows the same voxels; the colour bar knows
# about the threshold only in the second case.
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
save("2_before_and_during_plotting")

# %%
# One side at a time.
positive = threshold_img(image, threshold=2, two_sided=False)
plot_stat_map(positive, title="positive values >= 2", cmap="Reds", **plot_param)
save("3_positive")

negative = threshold_img(image, threshold=-2, two_sided=False)
plot_stat_map(negative, title="negative values <= -2", cmap="Blues_r", **plot_param)
save("4_negative")

# %%
# Clusters of 50 voxels and more at a threshold of 3: one call, cut where the largest
# one is.
plot_stat_map(
    image,
    title="clusters of 50 voxels and more at 3",
    threshold=3,
    cluster_threshold=50,
    cbar_label="z",
)
save("5_clusters")
