"""
Error rates
===========

``threshold_stats_img`` turns an error rate into a threshold for z-, t- and F-maps. It
needs SciPy: ``pip install 'nithresh[stats]'``.
"""

# %%
# Three ways to control errors
# ----------------------------
# ``"fpr"`` limits false positives at each voxel, ``"fdr"`` the share of false
# discoveries (Benjamini and Hochberg), ``"bonferroni"`` the probability of any false
# positive. Without a mask, the tested voxels are those that are finite and not zero.
import matplotlib.pyplot as plt
import numpy as np

from nithresh import datasets, threshold_stats_img
from nithresh.plotting import plot_stat_map

image = datasets.load_sample_motor_activation_image()
rows = plt.figure(figsize=(7.3, 10.5)).subfigures(3, 1)
for control, row in zip(("fpr", "fdr", "bonferroni"), rows, strict=True):
    kept, threshold = threshold_stats_img(image, alpha=0.05, height_control=control)
    count = np.count_nonzero(kept.get_fdata())
    print(f"{control:>10}: threshold {threshold:.3f}, {count} voxels")
    plot_stat_map(
        image,
        threshold=threshold,
        title=f"{control}, alpha 0.05: z of {threshold:.2f} or more",
        cut_coords=[36, -25, 52],
        draw_cross=False,
        figure=row,
        cbar_label="z",
    )

# %%
# With clusters
# -------------
# The error rate is that of the voxels, before small clusters are dropped.
kept, threshold = threshold_stats_img(
    image, alpha=0.001, height_control="fpr", cluster_threshold=50
)
print(f"threshold {threshold:.4f}, {np.count_nonzero(kept.get_fdata())} voxels")

# %%
# Other statistics
# ----------------
# Where the header of a file says t or F and the degrees of freedom, they are read.
# ``stat`` says it otherwise. Without a map, the threshold itself is returned.
for stat in ("z", ("t", 20), ("F", 2, 20)):
    _, threshold = threshold_stats_img(alpha=0.001, stat=stat)
    print(f"{stat!s:>12}: {threshold:.4f}")
