"""The values that the strategies of :mod:`nithresh.testing` draw."""

from typing import Any

import numpy as np
from hypothesis import strategies as st


def values(dtype: str, *, non_finite: bool = True) -> st.SearchStrategy[Any]:
    """Draw the value of a voxel: one of a few, around the usual thresholds.

    Parameters
    ----------
    dtype : str
        One of :data:`DTYPES`.
    non_finite : bool, default=True
        Let floating-point types have NaN and infinities too.
    """
    kind = np.dtype(dtype)
    few: list[Any] = [0, 0, 1, 2, 2, 3]
    if kind.kind != "u":
        few += [-1, -2, -2, -3]
    if kind.kind == "f":
        few += [-0.0, 0.5, 2.5, -2.5, 1e-8, 1e30]
        few += [np.nan, np.inf, -np.inf] if non_finite else []
    else:
        few += [np.iinfo(kind).min, np.iinfo(kind).max]
    return st.sampled_from([kind.type(value) for value in few])
