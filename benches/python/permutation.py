"""Time per permutation against peers, one thread, one run: see benches/README.md.

Noise as smooth as 6 mm on the grid of the 2 mm MNI mask, 20 images, a test of one
sample, two-sided, 6 neighbours. Peers: nilearn's permuted_ols, the tfce package's GLM
with its exact TFCE, and MNE's one-sample cluster test where it is installed.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import time
import warnings
from pathlib import Path

# Before anything loads a library that starts threads.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import nibabel
import numpy as np
from scipy import ndimage, stats

import nithresh

IMAGES = 20


def mask_2mm() -> nibabel.Nifti1Image:
    """The voxels of the template in the box of the MNI space."""
    template = nithresh.datasets.__file__.replace(
        "datasets.py", "data/mni152_2009a_t1_brain_2mm.nii.gz"
    )
    image = nibabel.load(template)
    inside = np.pad(np.asanyarray(image.dataobj) > 0, ((9, 9), (10, 9), (7, 6)))
    return nibabel.Nifti1Image(inside.astype(np.uint8), image.affine)


def maps(mask: nibabel.Nifti1Image, count: int) -> np.ndarray:
    """Smooth noise with four blobs, one map in a row."""
    inside = np.asanyarray(mask.dataobj) > 0
    rng = np.random.default_rng(0)
    values = np.empty((count, int(inside.sum())), np.float32)
    blobs = np.zeros(inside.shape)
    for centre in ((30, 50, 45), (60, 50, 45), (45, 80, 40), (45, 35, 60)):
        blobs[centre] = 1
    blobs = ndimage.gaussian_filter(blobs, 2.5)
    blobs /= blobs.max()
    for row in values:
        noise = ndimage.gaussian_filter(rng.standard_normal(inside.shape), 3 / 2.355)
        row[:] = (noise / noise.std() + blobs)[inside]
    return values


def per_permutation(run, few: int, many: int) -> float:
    """Milliseconds of processor time that one more permutation takes."""
    took = []
    for count in (few, many):
        start = time.process_time()
        run(count)
        took.append(time.process_time() - start)
    return (took[1] - took[0]) / (many - few) * 1e3


def ours(values, mask, *, tfce, jobs=1):
    def run(count):
        nithresh.permutation_test(
            values,
            mask_img=mask,
            threshold=3.1,
            n_permutations=count,
            tfce=tfce,
            jobs=jobs,
        )

    return run


def nilearn_run(values, mask, **words):
    from nilearn.maskers import NiftiMasker
    from nilearn.mass_univariate import permuted_ols

    masker = NiftiMasker(mask).fit()

    def run(count):
        permuted_ols(
            np.ones((len(values), 1)),
            values,
            model_intercept=False,
            n_perm=count,
            two_sided_test=True,
            random_state=0,
            n_jobs=1,
            masker=masker,
            output_type="dict",
            **words,
        )

    return run


def tfce_run(values, mask):
    """The tfce package's exact TFCE of flipped maps, after a t by matrix product."""
    import tfce

    inside = np.asanyarray(mask.dataobj) > 0
    length = np.linalg.norm(values, axis=0)

    def run(count):
        rng = np.random.default_rng(0)
        for _ in range(count):
            signs = rng.choice([-1, 1], len(values)).astype(np.float32)
            r = signs @ values / length / np.sqrt(len(values))
            t = r * np.sqrt(len(values) - 1) / np.sqrt(1 - r * r)
            volume = np.zeros(inside.shape, np.float32)
            volume[inside] = t
            np.abs(tfce.tfce(volume, E=0.5, H=2.0, connectivity=6)).max()

    return run


def mne_run(values, mask):
    from mne.stats import combine_adjacency, permutation_cluster_1samp_test

    inside = np.asanyarray(mask.dataobj) > 0
    adjacency = combine_adjacency(*inside.shape).tocsr()[inside.ravel()][
        :, inside.ravel()
    ]
    level = stats.t.isf(0.0005, len(values) - 1)

    def run(count):
        permutation_cluster_1samp_test(
            values,
            threshold=level,
            n_permutations=count + 1,
            adjacency=adjacency,
            out_type="indices",
            n_jobs=1,
            seed=0,
            verbose="ERROR",
        )

    return run


def wall(run, few: int, many: int) -> float:
    took = []
    for count in (few, many):
        start = time.perf_counter()
        run(count)
        took.append(time.perf_counter() - start)
    return (took[1] - took[0]) / (many - few) * 1e3


def memory(count: int) -> None:
    """Print the memory that a run adds, in units of the float32 data."""
    mask = mask_2mm()
    values = maps(mask, count)
    size = values.nbytes
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    ours(values, mask, tfce=True, jobs=1)(64)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"memory added, n = {count}: {(after - before) * 1024 / size:.2f} x the data")


def large(count: int, permutations: int) -> None:
    """Print the most memory of a test of images in a file."""
    import tempfile

    mask = mask_2mm()
    voxels = int(np.asanyarray(mask.dataobj).sum())
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR", ".")) as folder:
        path = Path(folder) / "maps.npy"
        header = {"descr": "<f4", "fortran_order": False, "shape": (count, voxels)}
        rng = np.random.default_rng(0)
        with path.open("wb") as stream:
            np.lib.format.write_array_header_1_0(stream, header)
            for _ in range(count):
                stream.write(rng.standard_normal(voxels, dtype=np.float32).tobytes())
        code = (
            "import resource, time, sys; sys.path.insert(0, sys.argv[3])\n"
            "import nithresh, permutation\n"
            "start = time.perf_counter()\n"
            "nithresh.permutation_test(sys.argv[1], mask_img=permutation.mask_2mm(),"
            " n_permutations=int(sys.argv[2]), threshold=3.1, tfce=True)\n"
            "took = time.perf_counter() - start\n"
            "most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024\n"
            "print(f'{most:.0f} MB at most, {took:.0f} s')\n"
        )
        here = str(Path(__file__).resolve().parent)
        print(f"n = {count}, {permutations} permutations:", flush=True)
        subprocess.run(
            [sys.executable, "-c", code, path, str(permutations), here], check=True
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--large", type=int, metavar="IMAGES")
    parser.add_argument("--memory", type=int, metavar="IMAGES")
    parser.add_argument("--rounds", type=int, default=2)
    words = parser.parse_args()
    warnings.simplefilter("ignore")
    if words.large:
        large(words.large, 600)
        return
    if words.memory:
        memory(words.memory)
        return
    mask = mask_2mm()
    values = maps(mask, IMAGES)
    print(f"{values.shape[1]} voxels, {IMAGES} images; ms per permutation")
    rows = {
        "nithresh, extent and mass": (ours(values, mask, tfce=False), 40, 440),
        "nithresh, all four": (ours(values, mask, tfce=True), 20, 120),
        "nilearn, extent and mass": (nilearn_run(values, mask, threshold=0.001), 2, 22),
        "nilearn, tfce": (nilearn_run(values, mask, tfce=True), 1, 3),
        "tfce package": (tfce_run(values, mask), 2, 22),
    }
    try:
        import mne

        rows[f"mne {mne.__version__}"] = (mne_run(values, mask), 2, 22)
    except ImportError:
        print("mne is not installed")
    best = dict.fromkeys(rows, float("inf"))
    for _ in range(words.rounds):
        for name, (run, few, many) in rows.items():
            best[name] = min(best[name], per_permutation(run, few, many))
    for name, took in best.items():
        print(f"{name:32} {took:9.3f}")
    plain, all_four = best["nithresh, extent and mass"], best["nithresh, all four"]
    for name, base in (
        ("nilearn, extent and mass", plain),
        ("nilearn, tfce", all_four),
        ("tfce package", all_four),
        *((name, plain) for name in best if name.startswith("mne")),
    ):
        print(f"{name:32} {best[name] / base:9.1f} x ours")
    one, two = (
        min(wall(ours(values, mask, tfce=True, jobs=jobs), 40, 240) for _ in range(2))
        for jobs in (1, 2)
    )
    print(f"two threads against one: {one / two:.2f}")


if __name__ == "__main__":
    main()
