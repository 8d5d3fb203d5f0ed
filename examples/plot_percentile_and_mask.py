"""
A percentile and a mask
=======================

A threshold may be a percentile of the absolute values. A mask says which voxels count.
"""

# %%
# A percentile of all voxels
# --------------------------
# ``"95%"`` keeps about 5 % of the voxels of the volume. Most of the volume lies outside
# the brain and is zero there, so the threshold is low.
import nibabel
import numpy as np

from nithresh import datasets, find_clusters, threshold_img
from nithresh.plotting import plot_stat_map

image = nibabel.load(datasets.load_sample_motor_activation_image())
kept = threshold_img(image, "95%")
values = kept.get_fdata()
print(f"{np.mean(values != 0):.2%} of {values.size} voxels are kept")
print(f"the smallest absolute value is {np.abs(values[values != 0]).min():.3f}")
plot_stat_map(kept, title='"95%" of all voxels', cut_coords=[36, -25, 52])

# %%
# A percentile within a mask
# --------------------------
# The mask is the brain of the template. Its grid differs from that of the map, so it is
# resampled to the nearest neighbour. The percentile is now that of the voxels inside,
# and the voxels outside become zero.
template = datasets.load_mni152_template()
mask = nibabel.Nifti1Image((template.get_fdata() > 0).astype(np.uint8), template.affine)
inside = threshold_img(image, "95%", mask_img=mask)
values = inside.get_fdata()
print(f"{np.count_nonzero(values)} voxels are kept")
print(f"the smallest absolute value is {np.abs(values[values != 0]).min():.3f}")
plot_stat_map(inside, title='"95%" of the brain', cut_coords=[36, -25, 52])

# %%
# The same words everywhere
# -------------------------
# Percentiles and masks go together with clusters, and with other neighbourhoods. The
# table states the threshold in the units of the map.
clusters = find_clusters(
    image, "95%", cluster_threshold=20, connectivity=26, mask_img=mask, max_peaks=1
)
print(clusters)
