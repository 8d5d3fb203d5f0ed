"""
Many files, by command and from Python
======================================

Both ways work on several files at a time, keep memory bounded, write an output whole or
not at all, and go on after a file that fails.
"""

# %%
# Some files
# ----------
# Four maps with names as in BIDS, and one that is damaged.
import subprocess
import sys
import tempfile
from pathlib import Path

import nibabel
import numpy as np

import nithresh
from nithresh import datasets
from nithresh.plotting import plot_stat_map

motor = nibabel.load(datasets.load_sample_motor_activation_image())
rng = np.random.default_rng(0)
workspace = tempfile.TemporaryDirectory()
folder = Path(workspace.name)
for subject in range(1, 5):
    values = motor.get_fdata() + rng.standard_normal(motor.shape)
    noisy = nibabel.Nifti1Image(values.astype(np.float32), motor.affine)
    nithresh.save(noisy, folder / f"sub-{subject}_stat-z_statmap.nii.gz")

whole = (folder / "sub-1_stat-z_statmap.nii.gz").read_bytes()
(folder / "sub-5_stat-z_statmap.nii.gz").write_bytes(whole[:5000])
maps = sorted(folder.glob("*.nii.gz"))

# %%
# By command
# ----------
# In a shell this is ``nithresh threshold *.nii.gz -t 3.1 -k 50 --output-dir out``.
program = Path(sys.executable).with_name("nithresh")
words = ["-t", "3.1", "-k", "50", "--output-dir", "out"]
done = subprocess.run(
    [program, "threshold", *(path.name for path in maps), *words],
    cwd=folder,
    stdout=subprocess.PIPE,
    stderr=subprocess.STDOUT,
    text=True,
    check=False,
)
print(done.stdout)
print("exit code", done.returncode)

# %%
# A JSON file beside each output says what the output was made from and how.
for path in sorted((folder / "out").iterdir()):
    print(path.name)

# %%
# From Python
# -----------
# ``on_result`` is called for each file in order. Without it, the errors of all files
# are raised together when the others are done.


def report(result):
    """Print one line for each file."""
    print(result.input.name, "failed" if result.error else "done")


(folder / "python").mkdir()
nithresh.threshold_files(
    [(path, folder / "python" / path.name) for path in maps],
    3.1,
    cluster_threshold=50,
    on_result=report,
)

# %%
# What they have in common
# ------------------------
# Both ways gave the same voxels. The share of the maps that keep a voxel:
outputs = sorted((folder / "out").glob("*.nii.gz"))
twins = sorted((folder / "python").glob("*.nii.gz"))
kept = [nithresh.load(path).get_fdata() != 0 for path in outputs]
for mask, twin in zip(kept, twins, strict=True):
    assert np.array_equal(mask, nithresh.load(twin).get_fdata() != 0)

share = nibabel.Nifti1Image(np.mean(kept, axis=0, dtype=np.float32), motor.affine)
plot_stat_map(
    share,
    cut_coords=[36, -25, 52],
    cmap="viridis",
    cbar_label="share of maps",
    draw_cross=False,
)
workspace.cleanup()
