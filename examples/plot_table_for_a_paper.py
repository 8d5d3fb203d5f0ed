"""
A table for a paper
===================

From a map to the table that goes into the paper: clusters by the rules of your package,
the names of their regions, and text to paste.
"""

# %%
# An atlas
# --------
# nithresh ships no atlas. nilearn fetches many, such as
# ``nilearn.datasets.fetch_atlas_harvard_oxford("cort-maxprob-thr25-2mm")``, and what it
# gives can be passed on as it is. So can a label image with a BIDS table, an atlas of
# FSL, a FreeSurfer colour table, and files from TemplateFlow. This example needs no
# network, so it makes a coarse one: blocks of the brain, 4 mm apart from each other.
from pathlib import Path
from tempfile import mkdtemp

import nibabel
import numpy as np

import nithresh
from nithresh import datasets, find_clusters
from nithresh.plotting import plot_clusters

image = nithresh.load(datasets.load_sample_motor_activation_image())
voxels = np.indices(image.shape).reshape(3, -1)
x, y, z = nibabel.affines.apply_affine(image.affine, voxels.T).T
side, depth = np.where(x < 0, 1, 2), np.digitize(y, [-60, -20])
labels = side + 2 * depth + 6 * (z < 0)
labels[(np.abs(x) < 4) | (np.abs(z) < 4)] = 0
names = [
    f"{where} {height}, {side}"
    for height in ("cerebrum", "below")
    for where in ("Posterior", "Central", "Anterior")
    for side in ("left", "right")
]
folder = Path(mkdtemp())
table = "\n".join(f"{index}\t{name}" for index, name in enumerate(names, start=1))
(folder / "blocks.tsv").write_text(f"index\tname\n{table}\n")
atlas = nibabel.Nifti1Image(labels.reshape(image.shape).astype(np.int16), image.affine)

# %%
# Clusters, by the rules of SPM
# -----------------------------
# ``rules="spm"`` keeps what is above the threshold, on the positive side, with 18
# neighbours, and lists the strongest peak first. A word that you give counts instead.
# The second table has both signs.
blocks = {"blocks": (atlas, folder / "blocks.tsv")}
positive = find_clusters(image, 5, cluster_threshold=20, rules="spm", atlas=blocks)
print(positive)
both = find_clusters(
    image, 5, cluster_threshold=20, rules="spm", two_sided=True, atlas=blocks
)
print(both.table["blocks_regions"][0])

# %%
# A peak that lies in no region gets the nearest one, with the distance in mm. The
# shares say how much of each cluster lies in which region.
plot_clusters(both, n=3)

# %%
# Text to paste
# -------------
# Choose the columns by name. Places, statistics and p-values have the digits that a
# paper has. ``to_html`` can be pasted into a text processor; ``to_latex`` and
# ``to_typst`` are for those.
columns = ["id", "blocks_region", "blocks_distance", "x", "y", "z", "peak", "extent"]
print(both.table.to_markdown(columns))
print(both.table.to_latex(columns[:2] + columns[3:]))

# %%
# The files that you share have all columns with all digits, and beside them what the
# columns mean, the rules by name and in full, and where the atlas came from.
both.table.to_tsv(folder / "clusters.tsv")
print((folder / "clusters.json").read_text()[-900:])
