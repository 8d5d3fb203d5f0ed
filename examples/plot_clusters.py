"""
Clusters and their table
========================

One call gives the thresholded map, the label image and the table of clusters. All
three, and the figures, number the clusters in the same way.
"""

# %%
# The table
# ---------
# Clusters of 50 voxels and more where the absolute value is 3 or more. Cluster 1 is the
# largest. Rows with a letter are further peaks of the same cluster.
import tempfile
from pathlib import Path

import nithresh
from nithresh import datasets
from nithresh.plotting import plot_clusters, plot_stat_map

image = datasets.load_sample_motor_activation_image()
clusters = nithresh.find_clusters(image, 3, cluster_threshold=50)
print(clusters)

# %%
# What is printed is the part that fits a terminal. A notebook shows all columns.
clusters.table

# %%
# The same numbers in figures
# ---------------------------
# A row for each cluster, cut through its peak. All clusters are outlined along the
# borders of their voxels.
plot_clusters(clusters, n=3, cbar_label="z")

# %%
# A cut through the peak of cluster 2, without hiding the voxels below the threshold.
plot_stat_map(image, clusters=clusters, cut_coords="cluster:2", cbar_label="z")

# %%
# The same numbers in the label image
# -----------------------------------
labels = clusters.labels_img.get_fdata()
for number, row in clusters.lookup.items():
    extent = clusters.table["extent"][row]
    print(f"cluster {number}: {extent:.0f} voxels, {(labels == number).sum()} labels")

# %%
# A second map under the same clusters
# ------------------------------------
# ``extra`` adds the mean, the smallest and the largest value of another map on the same
# grid. Here it is the TFCE score.
scored = nithresh.find_clusters(
    image,
    3,
    cluster_threshold=50,
    max_peaks=1,
    extra={"tfce": nithresh.tfce_img(image)},
)
print(scored)

# %%
# Files
# -----
# The JSON file beside the table describes the columns and records every choice.
with tempfile.TemporaryDirectory() as folder:
    clusters.table.to_tsv(Path(folder, "clusters.tsv"))
    for path in sorted(Path(folder).iterdir()):
        print(path.name, path.stat().st_size, "bytes")
for name in ("threshold", "comparison", "cluster_threshold", "connectivity"):
    print(f"{name}: {clusters.table.choices[name]}")
