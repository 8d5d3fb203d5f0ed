"""
All thresholds at once: the cluster tree
========================================

A cluster at one threshold is a choice. :class:`nithresh.ClusterTree` holds the clusters
at all thresholds, from one sort of the voxels, and says how far the threshold may move
before a cluster splits, merges or vanishes.
"""

# %%
# How many clusters, at each threshold
# ------------------------------------
import matplotlib.pyplot as plt
import numpy as np

import nithresh
from nithresh import datasets

image = datasets.load_sample_motor_activation_image()
tree = nithresh.ClusterTree(image)
print(tree)

thresholds = np.linspace(1, 7.9, 400)
figure, (top, bottom) = plt.subplots(
    2, 1, figsize=(6, 4.5), sharex=True, layout="constrained"
)
top.step(thresholds, tree.counts(thresholds))
top.set_ylabel("clusters")
bottom.step(thresholds, tree.voxels(thresholds))
bottom.set_ylabel("voxels")
bottom.set_xlabel("threshold (absolute z)")
for axis in (top, bottom):
    axis.set_yscale("log")
    axis.spines[["top", "right"]].set_visible(False)

# %%
# The robustness of a cluster
# ---------------------------
# At a threshold of 3.1, each line is one of the largest clusters. It ends on the left
# where the cluster merges with another one, and on the right where it splits or
# vanishes.
clusters = tree.clusters(3.1)
shown = range(8)

figure, axis = plt.subplots(figsize=(6, 3.2), layout="constrained")
for number in shown:
    colour = "firebrick" if clusters.peak[number] > 0 else "steelblue"
    axis.plot(
        [clusters.robust_from[number], clusters.robust_to[number]],
        [number + 1, number + 1],
        color=colour,
        linewidth=5,
        solid_capstyle="butt",
    )
axis.axvline(3.1, color="black", linewidth=1)
axis.set_yticks(
    [number + 1 for number in shown],
    [f"{number + 1}: {clusters.extent[number]} voxels" for number in shown],
)
axis.invert_yaxis()
axis.set_xlabel("threshold (absolute z)")
axis.spines[["top", "right"]].set_visible(False)

# %%
# The same in the table
# ---------------------
# ``robust=True`` adds the two columns ``robust_from`` and ``robust_to``.
found = nithresh.find_clusters(
    image, 3.1, cluster_threshold=50, max_peaks=1, robust=True
)
for row, name in enumerate(found.table["id"]):
    low, high = found.table["robust_from"][row], found.table["robust_to"][row]
    print(f"cluster {name} is the same cluster from {low:.3f} to {high:.3f}")

# %%
# Questions the other way round
# -----------------------------
print("at most 5 clusters from", tree.threshold_for_clusters(5))
print("at most 1000 voxels from", tree.threshold_for_voxels(1000))
first, second = clusters.ijk[0], clusters.ijk[2]
print("peaks 1 and 3 separate at", tree.threshold_separating(first, second))
