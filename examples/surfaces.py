"""
Clusters on a surface
=====================

Which vertices are neighbours is what a surface says; everything else is as for volumes.
Here the surface is a ball of 642 vertices, so that the example needs no data. With your
own, give the path of a ``.surf.gii`` file, or one of FreeSurfer such as ``lh.white``.
"""

import nibabel
import numpy as np

from nithresh import ClusterTree, find_clusters, testing, threshold_img

coordinates, triangles = testing.icosphere(3)
radius = 50.0
surface = radius * coordinates, triangles

# %%
# A map with a positive patch on one side and a negative one on the other.
rng = np.random.default_rng(0)
x, y, _ = coordinates.T
values = 5 * (x > 0.8) - 4 * (x < -0.7) + rng.normal(size=len(x))
image = nibabel.GiftiImage()
array = nibabel.gifti.GiftiDataArray(
    values.astype(np.float32), intent="NIFTI_INTENT_ZSCORE"
)
image.add_gifti_data_array(array)

# %%
# Clusters of at least 20 vertices and 300 mm².
kept = threshold_img(image, 2, cluster_threshold=20, min_area=300, surface=surface)
print(np.count_nonzero(kept.darrays[0].data), "vertices are kept")

# %%
# Their table has vertices and areas where that of a volume has voxels and volumes.
clusters = find_clusters(image, 2, min_area=300, max_peaks=1, surface=surface)
print(clusters)

# %%
# Regions of an atlas: here a label for each vertex and names. A ``.label.gii``, an
# ``.annot`` and a ``.dlabel.nii`` have their names themselves.
labels = np.where(y > 0, 1, 2)
named = clusters.with_atlas({"half": (labels, ["front", "back"])})
print(named.table["half_regions"])

# %%
# All thresholds at once.
tree = ClusterTree(image, surface=surface)
print(tree.counts([1, 2, 3, 4]), "clusters at 1, 2, 3 and 4")
