"""Threshold brain statistical maps, filter their clusters, see the result.

>>> from nithresh import datasets, threshold_img
>>> image = datasets.load_sample_motor_activation_image()
>>> kept = threshold_img(image, threshold=3, cluster_threshold=20)
>>> kept.shape
(53, 63, 46)

Arrays need NumPy alone: nibabel is imported with the first image or path, and
matplotlib with the first figure.
"""

import importlib
from typing import TYPE_CHECKING, Any

from nithresh.threads import get_num_threads, set_num_threads
from nithresh.thresholding import threshold, threshold_img

if TYPE_CHECKING:
    from nithresh import datasets, plotting
    from nithresh.files import ImageFileError, MissingFileError, load, save

__version__ = "0.1.0"

__all__ = [
    "ImageFileError",
    "MissingFileError",
    "__version__",
    "datasets",
    "get_num_threads",
    "load",
    "plotting",
    "save",
    "set_num_threads",
    "threshold",
    "threshold_img",
]

# What needs nibabel or matplotlib, and the module that has it.
_LAZY = {
    "datasets": "nithresh.datasets",
    "plotting": "nithresh.plotting",
    "ImageFileError": "nithresh.files",
    "MissingFileError": "nithresh.files",
    "load": "nithresh.files",
    "save": "nithresh.files",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    module = importlib.import_module(_LAZY[name])
    value = module if module.__name__ == f"nithresh.{name}" else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
