"""Threshold files with nibabel and nilearn, in processes of joblib.

nilearn_loop.py THRESHOLD EXTENT JOBS FOLDER FILE...
"""

import sys
import warnings
from pathlib import Path

import joblib
import nibabel
import nilearn.image


def threshold_file(source: Path, target: Path, threshold: float, extent: int) -> None:
    """Threshold one file."""
    warnings.simplefilter("ignore")
    image = nibabel.load(source)
    nibabel.save(nilearn.image.threshold_img(image, threshold, extent), target)


if __name__ == "__main__":
    level, extent, jobs, folder, *files = sys.argv[1:]
    joblib.Parallel(int(jobs))(
        joblib.delayed(threshold_file)(
            Path(file), Path(folder, Path(file).name), float(level), int(extent)
        )
        for file in files
    )
