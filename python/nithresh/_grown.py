"""What the core makes of all thresholds of a map."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Grown(NamedTuple):
    """What a tree is made of.

    Attributes
    ----------
    branches : mapping
        As the core gives them.
    steps : numpy.ndarray of int32, shape (x, y, z)
        For each voxel, one more than the step by which it joins a branch.
    dtype : numpy.dtype
        Of the map.
    """

    branches: Mapping[str, NDArray[Any]]
    steps: NDArray[np.int32]
    dtype: np.dtype[Any]
