"""The compiled core: arrays in native byte order, aligned, of ten types.

The Python modules check what users pass; these functions check it once more
only as far as memory safety and shapes go.
"""

from collections.abc import Sequence
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Graph",
    "Labels",
    "Request",
    "cluster_maxima",
    "find_clusters",
    "get_num_threads",
    "join_blocks",
    "label",
    "label_block",
    "merge_tree",
    "percentile",
    "set_num_threads",
    "statistic_maps",
    "summary",
    "tfce",
    "threshold",
    "vertex_areas",
]

@final
class Request:
    def __new__(
        cls,
        threshold: float,
        *,
        two_sided: bool,
        cluster_threshold: int,
        connectivity: int,
    ) -> Request: ...

def threshold(
    data: NDArray[Any],
    out: NDArray[Any],
    request: Request,
    *,
    mask: NDArray[np.bool_] | None,
    out_is_zero: bool,
) -> tuple[float, float, bool]: ...
def label(
    data: NDArray[Any],
    labels: NDArray[np.int32],
    request: Request,
    *,
    mask: NDArray[np.bool_] | None,
    labels_is_zero: bool,
) -> int: ...

@final
class Labels:
    def write(self, labels: NDArray[np.int32], is_zero: bool) -> None: ...
    def sample(
        self, extra: NDArray[Any]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], int]: ...

def find_clusters(
    data: NDArray[Any],
    out: NDArray[Any] | None,
    request: Request,
    *,
    mask: NDArray[np.bool_] | None,
    out_is_zero: bool,
    whole_plateaus: bool,
) -> dict[str, Any]: ...
def label_block(
    data: NDArray[Any],
    labels: NDArray[np.int32],
    request: Request,
    *,
    mask: NDArray[np.bool_] | None,
    labels_is_zero: bool,
    start: tuple[int, ...],
    shape: tuple[int, ...],
) -> tuple[NDArray[np.int32], NDArray[np.uint64]]: ...
def join_blocks(
    clusters: NDArray[np.uint64],
    touching: NDArray[np.uint32],
    *,
    cluster_threshold: int,
) -> tuple[NDArray[np.int32], dict[str, Any]]: ...
def tfce(
    data: NDArray[Any],
    out: NDArray[Any],
    *,
    mask: NDArray[np.bool_] | None,
    extent_power: float,
    height_power: float,
    two_sided: bool,
    connectivity: int,
) -> None: ...
def merge_tree(
    data: NDArray[Any],
    steps: NDArray[np.int32],
    *,
    mask: NDArray[np.bool_] | None,
    two_sided: bool,
    connectivity: int,
) -> dict[str, NDArray[Any]]: ...

@final
class Graph:
    def __new__(
        cls,
        nodes: int,
        surfaces: Sequence[tuple[int, int, NDArray[np.int32] | NDArray[np.int64]]],
        pairs: NDArray[np.int32],
    ) -> Graph: ...
    def erase_small(
        self,
        data: NDArray[Any],
        cluster_threshold: int,
        *,
        areas: NDArray[np.float64] | None,
        min_area: float,
    ) -> tuple[float, float]: ...
    def find_clusters(
        self,
        data: NDArray[Any],
        out: NDArray[Any] | None,
        request: Request,
        *,
        mask: NDArray[np.bool_] | None,
        areas: NDArray[np.float64] | None,
        min_area: float,
    ) -> dict[str, Any]: ...
    def tfce(
        self,
        data: NDArray[Any],
        out: NDArray[Any],
        *,
        mask: NDArray[np.bool_] | None,
        areas: NDArray[np.float64] | None,
        extent_power: float,
        height_power: float,
        two_sided: bool,
    ) -> None: ...
    def merge_tree(
        self,
        data: NDArray[Any],
        steps: NDArray[np.int32],
        *,
        mask: NDArray[np.bool_] | None,
        two_sided: bool,
    ) -> dict[str, NDArray[Any]]: ...

def vertex_areas(
    coordinates: NDArray[np.float64],
    triangles: NDArray[np.int32] | NDArray[np.int64],
) -> NDArray[np.float64]: ...
def statistic_maps(
    residuals: NDArray[np.float32],
    weights: NDArray[np.float32],
    maps: NDArray[np.float32],
    *,
    effect_rows: int,
    degrees_of_freedom: float,
    is_f: bool,
) -> None: ...
def cluster_maxima(
    maps: NDArray[np.float32],
    mask: NDArray[np.bool_],
    *,
    thresholds: list[float],
    connectivity: int,
    two_sided: bool,
    tfce: bool,
) -> NDArray[np.float64]: ...
def percentile(
    data: NDArray[Any],
    mask: NDArray[np.bool_] | None,
    percent: float,
    absolute: bool,
) -> float | None: ...
def summary(
    data: NDArray[Any], mask: NDArray[np.bool_] | None
) -> tuple[float, float, bool]: ...
def set_num_threads(threads: int) -> None: ...
def get_num_threads() -> int: ...
