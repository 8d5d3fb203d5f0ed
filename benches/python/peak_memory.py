"""Print how far one call raises the memory of this process, in results.

Run as ``peak_memory.py PACKAGE MAP.npy`` in a process of its own. Linux only:
the peak is reset just before the call, so that what came before does not hide it.
"""

import importlib
import re
import sys
import warnings
from pathlib import Path

import nibabel
import numpy as np


def kibibytes(field: str) -> int:
    """Read a field of this process's status."""
    status = Path("/proc/self/status").read_text()
    found = re.search(rf"^{field}:\s+(\d+) kB$", status, re.MULTILINE)
    return int(found[1]) if found else 0


def main() -> None:
    """Measure one call."""
    package, map_file = sys.argv[1:]
    warnings.simplefilter("ignore")
    module = "nithresh" if package == "nithresh" else "nilearn.image"
    threshold_img = importlib.import_module(module).threshold_img
    small = nibabel.Nifti1Image(np.ones((70, 70, 70), np.float32), np.eye(4))
    threshold_img(small, 0.5, 10)  # imports and threads

    data = np.load(map_file)
    image = nibabel.Nifti1Image(data, np.eye(4))
    Path("/proc/self/clear_refs").write_text("5")
    before = kibibytes("VmRSS")
    result = threshold_img(image, 1.7, 10)
    growth = 1024 * (kibibytes("VmHWM") - before)
    print(growth / np.asarray(result.dataobj).nbytes)


if __name__ == "__main__":
    main()
