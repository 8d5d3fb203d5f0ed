"""Threshold brain statistical maps, filter their clusters, see the result.

>>> from nithresh import datasets, threshold_img
>>> image = datasets.load_sample_motor_activation_image()
>>> kept = threshold_img(image, threshold=3, cluster_threshold=20)
>>> kept.shape
(53, 63, 46)

Everything is imported when it is first used: arrays need only NumPy, images and paths
need nibabel, and figures matplotlib. The command needs none of these to give its help.
"""

import importlib
from typing import TYPE_CHECKING, Any

from nithresh import _fork

if TYPE_CHECKING:
    from nithresh import batch as batch
    from nithresh import dask as dask
    from nithresh import datasets, plotting
    from nithresh import permutation as permutation
    from nithresh import testing as testing
    from nithresh import tree as tree
    from nithresh import viewer as viewer
    from nithresh.batch import threshold_files
    from nithresh.clusters import Clusters, find_clusters, label
    from nithresh.enhancement import tfce, tfce_img
    from nithresh.files import ImageFileError, MissingFileError, load, save
    from nithresh.inference import threshold_stats_img
    from nithresh.nilearn_table import get_clusters_table
    from nithresh.permutation import (
        Maxima,
        PermutationResult,
        cluster_maxima,
        permutation_test,
        stack,
    )
    from nithresh.series import clusters_of_volumes
    from nithresh.table import ClusterTable
    from nithresh.threads import get_num_threads, set_num_threads
    from nithresh.thresholding import threshold, threshold_img
    from nithresh.tree import ClusterTree
    from nithresh.viewer import view

__version__ = "0.1.0"

__all__ = [
    "ClusterTable",
    "ClusterTree",
    "Clusters",
    "ImageFileError",
    "Maxima",
    "MissingFileError",
    "PermutationResult",
    "__version__",
    "cluster_maxima",
    "clusters_of_volumes",
    "datasets",
    "find_clusters",
    "get_clusters_table",
    "get_num_threads",
    "label",
    "load",
    "permutation_test",
    "plotting",
    "save",
    "set_num_threads",
    "stack",
    "tfce",
    "tfce_img",
    "threshold",
    "threshold_files",
    "threshold_img",
    "threshold_stats_img",
    "view",
]

# Each name, and the module that has it. A star imports neither `dask` nor `testing`,
# which need extras, and no module of which only a few things are for everybody.
_LAZY = {
    "batch": "nithresh.batch",
    "dask": "nithresh.dask",
    "datasets": "nithresh.datasets",
    "permutation": "nithresh.permutation",
    "plotting": "nithresh.plotting",
    "testing": "nithresh.testing",
    "tree": "nithresh.tree",
    "viewer": "nithresh.viewer",
    "ClusterTable": "nithresh.table",
    "ClusterTree": "nithresh.tree",
    "Clusters": "nithresh.clusters",
    "ImageFileError": "nithresh.files",
    "MissingFileError": "nithresh.files",
    "Maxima": "nithresh.permutation",
    "PermutationResult": "nithresh.permutation",
    "cluster_maxima": "nithresh.permutation",
    "clusters_of_volumes": "nithresh.series",
    "find_clusters": "nithresh.clusters",
    "get_clusters_table": "nithresh.nilearn_table",
    "get_num_threads": "nithresh.threads",
    "label": "nithresh.clusters",
    "load": "nithresh.files",
    "permutation_test": "nithresh.permutation",
    "save": "nithresh.files",
    "stack": "nithresh.permutation",
    "set_num_threads": "nithresh.threads",
    "tfce": "nithresh.enhancement",
    "tfce_img": "nithresh.enhancement",
    "threshold": "nithresh.thresholding",
    "threshold_files": "nithresh.batch",
    "threshold_img": "nithresh.thresholding",
    "threshold_stats_img": "nithresh.inference",
    "view": "nithresh.viewer",
}

_fork.register()


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
