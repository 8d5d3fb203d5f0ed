"""
Which clusters are real: a permutation test
===========================================

A threshold says where a map is high. Whether a cluster of that size, or a peak of that
height, could have come about by chance is what a permutation test of the maps of all
subjects says. This example makes its data, so that nothing has to be downloaded.
"""

# %%
# Maps of a group
# ---------------
# Twelve subjects: smooth noise, and an effect on the left side in all of them.
import matplotlib.pyplot as plt
import nibabel
import numpy as np

import nithresh
from nithresh.plotting import plot_stat_map

rng = np.random.default_rng(0)
affine = np.diag([-6.0, 6, 6, 1])
affine[:3, 3] = 84, -120, -64
shape = (29, 34, 27)
where = np.indices(shape).T @ affine[:3, :3].T + affine[:3, 3]
inside = (((where - [0, -18, 8]) / [66, 83, 60]) ** 2).sum(axis=-1).T < 1
effect = np.exp(-(((where - [-40, -24, 50]) / 14) ** 2).sum(axis=-1)).T

images = []
for _ in range(12):
    noise = rng.standard_normal(shape)
    for axis in (0, 1, 2, 0, 1, 2):
        noise += np.roll(noise, 1, axis) + np.roll(noise, -1, axis)
    values = np.where(inside, noise / noise.std() + 1.5 * effect, 0)
    images.append(nibabel.Nifti1Image(values.astype(np.float32), affine))
mask = nibabel.Nifti1Image(inside.astype(np.uint8), affine)

# %%
# The test
# --------
# Without a design it is a test of one sample: the signs of whole maps are flipped. For
# each permutation the test keeps the largest value, cluster and TFCE score in the mask.
# The corrected p of a cluster is the share of permutations that have one as large or
# larger.
result = nithresh.permutation_test(
    images, mask_img=mask, threshold=3.1, n_permutations=2000
)
print(result)

# %%
# What survives
# -------------
significant = result.p_fwe_img("tfce").get_fdata() <= 0.05
t = result.stat_img.get_fdata().astype(np.float32)
shown = nibabel.Nifti1Image(np.where(significant, t, 0), affine)
plot_stat_map(shown, threshold=0, title="corrected p <= 0.05 (TFCE)", cbar_label="t")

# %%
# The null, and what was observed.
fig, axes = plt.subplots(1, 3, figsize=(7, 2.2), layout="constrained")
for panel, name in zip(axes, ["peak", "extent", "tfce"], strict=True):
    null = result.null.of(name)
    panel.hist(null, bins=40, color="0.75")
    panel.axvline(null[0], color="C3")
    panel.set(xlabel=f"largest {name}", yticks=[])

# %%
# A group against another
# -----------------------
# A design has a column for each regressor, and nothing is added to it. With any design
# but one constant column, images change places. The result says so.
group = np.repeat([0.0, 1.0], 6)
age = rng.uniform(20, 70, 12)
compared = nithresh.permutation_test(
    images,
    {"group": group, "age": age, "mean": np.ones(12)},
    "group",
    mask_img=mask,
    n_permutations=1000,
)
print(str(compared).splitlines()[0])
