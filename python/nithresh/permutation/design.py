"""A linear model and one contrast of it, as what the statistic is made of.

```text
y = X b + e,  H0: C b = 0

nuisance  Z    the part of the space of X in which C b = 0
effect    W    the part of the space of X that is orthogonal to Z
r2 = |W'y|^2 / |y - Z Z'y|^2
t = r sqrt(df / (1 - r2)),  F = (r2 / m) / ((1 - r2) / df)
```

With orthonormal bases the statistic needs inner products alone, so that nothing after
this file knows a design (Winkler et al. 2014, who follow Beckmann et al. 2001 in the
split).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

# What is shorter than this, of length 1, is rounding.
_ROUNDING = 1e-10


@dataclass(frozen=True, eq=False)
class Design:
    """The space of the effect and of the nuisance of a contrast.

    Attributes
    ----------
    effect : numpy.ndarray of shape (rows, observations)
        Orthonormal. One row for a t, in the direction of the contrast; several for an
        F.
    nuisance : numpy.ndarray of shape (columns, observations)
        Orthonormal, and orthogonal to the effect. It may have no row.
    columns : numpy.ndarray of shape (observations, columns)
        The model: images with equal rows can change places without a trace.
    degrees_of_freedom : int
        Those of the residuals of the whole model.
    is_f : bool
        Whether the statistic is an F.
    is_constant : bool
        Whether the model is one constant column: a test of one sample.
    """

    effect: NDArray[np.float64]
    nuisance: NDArray[np.float64]
    columns: NDArray[np.float64]
    degrees_of_freedom: int
    is_f: bool
    is_constant: bool

    @property
    def observations(self) -> int:
        """How many images there are."""
        return len(self.columns)

    @property
    def statistic(self) -> str:
        """The statistic with its degrees of freedom, as text."""
        if self.is_f:
            return f"F({len(self.effect)}, {self.degrees_of_freedom})"
        return f"t({self.degrees_of_freedom})"


def read_design(design: Any, contrast: Any, observations: int) -> Design:
    """Check a design and a contrast, and split the model into effect and nuisance.

    Parameters
    ----------
    design : None, array, mapping of str to column, or pandas.DataFrame
        One row for each observation and one column for each regressor. None is one
        constant column.
    contrast : None, str, or array
        The name of a column; a weight for each column (t); or several rows of weights
        (F). None where the design has one column.
    observations : int

    Raises
    ------
    TypeError
        Columns that are no numbers.
    ValueError
        A design with another number of rows, with values that are not finite, that is
        not of full rank, or that leaves no degree of freedom; a contrast that does not
        fit to it.
    """
    columns, names = _columns(design, observations)
    rank = int(np.linalg.matrix_rank(_scaled(columns)))
    if rank < columns.shape[1]:
        msg = (
            f"design has {columns.shape[1]} columns but rank {rank}: "
            f"{_dependent(columns, names)}; leave out columns until each says "
            "something that the others do not"
        )
        raise ValueError(msg)
    degrees_of_freedom = observations - rank
    if degrees_of_freedom < 1:
        msg = (
            f"design has {rank} columns for {observations} images; there must be more "
            "images than columns"
        )
        raise ValueError(msg)
    rows, is_f = _contrast(contrast, names, columns)

    # In units in which all columns have length 1, so that none is lost in rounding.
    own, exponents = in_own_units(columns)
    lengths = np.linalg.norm(own, axis=0)
    scaled, weights = own / lengths, _times_powers_of_two(rows, -exponents) / lengths
    weights /= np.linalg.norm(weights, axis=1, keepdims=True)
    # Orthogonal to all X b with C b = 0, and in the space of X.
    effect = _orthonormal((weights @ np.linalg.pinv(scaled)).T, signed=True)
    _, _, directions = np.linalg.svd(weights)
    nuisance = _constant_first(_orthonormal(scaled @ directions[len(rows) :].T))
    is_constant = columns.shape[1] == 1 and np.ptp(own) == 0
    return Design(
        np.ascontiguousarray(effect.T),
        np.ascontiguousarray(nuisance.T),
        columns + 0.0,  # so that zero has one sign
        degrees_of_freedom,
        is_f,
        bool(is_constant),
    )


def in_own_units(
    columns: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.integer]]:
    """Return columns as multiples of a power of two each, and its exponent.

    The largest of each column is then from 0.5 to 1, so that no sum of squares
    overflows or vanishes. A power of two rounds nothing.
    """
    _, exponents = np.frexp(np.maximum(columns.max(axis=0), -columns.min(axis=0)))
    return np.ldexp(columns, -exponents), exponents


def _times_powers_of_two(
    rows: NDArray[np.float64], exponents: NDArray[np.integer]
) -> NDArray[np.float64]:
    """Return rows with each column times a power of two, each row in its own units."""
    shares, own = np.frexp(rows)
    total = np.where(rows != 0, own + exponents, np.iinfo(np.int32).min // 2)
    products: NDArray[np.float64] = np.ldexp(
        shares, np.maximum(total - total.max(axis=1, keepdims=True), -2000)
    )
    return products


def _columns(design: Any, observations: int) -> tuple[NDArray[np.float64], list[str]]:
    if design is None:
        return np.ones((observations, 1)), ["mean"]
    names = None
    if isinstance(design, Mapping):
        names, design = list(map(str, design)), _side_by_side(design, observations)
    elif hasattr(design, "columns") and hasattr(design, "to_numpy"):
        names, design = list(map(str, design.columns)), design.to_numpy()
    columns = _as_array(design, "design")
    if columns.dtype.kind not in "biuf":
        msg = (
            f"design has values of type {columns.dtype}; they must be real numbers "
            "(code groups as 0 and 1)"
        )
        raise TypeError(msg)
    if columns.ndim == 1:
        columns = columns[:, np.newaxis]
    if columns.ndim != 2 or columns.shape[1] == 0:
        msg = (
            f"design has shape {columns.shape}; it must have one row for each image "
            "and one column for each regressor"
        )
        raise ValueError(msg)
    if len(columns) != observations:
        msg = (
            f"design has {len(columns)} rows for {observations} images; it must have "
            "one for each"
        )
        raise ValueError(msg)
    columns = columns.astype(np.float64)
    if not np.isfinite(columns).all():
        row, column = np.argwhere(~np.isfinite(columns))[0].tolist()
        msg = (
            f"design has {columns[row, column]} in row {row}, column {column}; all "
            "values must be finite"
        )
        raise ValueError(msg)
    return columns, names or [str(number) for number in range(columns.shape[1])]


def _side_by_side(design: Mapping[Any, Any], observations: int) -> NDArray[Any]:
    columns = {name: np.asarray(values) for name, values in design.items()}
    if not columns:
        msg = "design is empty; it must have a column at least"
        raise ValueError(msg)
    for name, values in columns.items():
        if values.shape != (observations,):
            msg = (
                f"column {name!r} of design has shape {values.shape}; it must have one "
                f"value for each of the {observations} images"
            )
            raise ValueError(msg)
    return np.column_stack(list(columns.values()))


def _as_array(given: Any, name: str) -> NDArray[Any]:
    try:
        return np.asarray(given)
    except ValueError as error:
        msg = f"{name} has rows of different lengths; all must have the same"
        raise ValueError(msg) from error


def _scaled(columns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return columns of length 1, so that units do not decide about the rank."""
    own, _ = in_own_units(columns)
    lengths = np.linalg.norm(own, axis=0)
    return own / np.where(lengths > 0, lengths, 1)


def _dependent(columns: NDArray[np.float64], names: list[str]) -> str:
    """Name the first column that the ones before it make up."""
    scaled = _scaled(columns)
    first = next(
        number
        for number in range(len(names))
        if np.linalg.matrix_rank(scaled[:, : number + 1]) <= number
    )
    if not columns[:, first].any():
        return f"column {names[first]!r} is zero"
    return f"column {names[first]!r} is a sum of multiples of those before it"


def _contrast(
    contrast: Any, names: list[str], columns: NDArray[np.float64]
) -> tuple[NDArray[np.float64], bool]:
    """Return the rows of a contrast, and whether they are tested by an F."""
    count = columns.shape[1]
    if contrast is None:
        if count > 1:
            msg = (
                f"contrast is None and design has {count} columns "
                f"({', '.join(names)}); it must name one of them or give each a weight"
            )
            raise ValueError(msg)
        return np.ones((1, 1)), False
    if isinstance(contrast, str):
        if names.count(contrast) != 1:
            msg = (
                f"contrast is {contrast!r}; it must be one of the columns of design, "
                f"{', '.join(names)}, or weights"
            )
            raise ValueError(msg)
        return np.eye(count)[[names.index(contrast)]], False
    weights = _as_array(contrast, "contrast")
    if weights.dtype.kind not in "biuf":
        msg = (
            f"contrast is {contrast!r}; it must be the name of a column, or one number "
            "for each column"
        )
        raise TypeError(msg)
    rows = np.atleast_2d(weights).astype(np.float64)
    if rows.ndim != 2 or rows.shape[1] != count or not len(rows):
        msg = (
            f"contrast has shape {weights.shape}; it must have one weight for each of "
            f"the {count} columns of design ({', '.join(names)}), in one row (t) or "
            "several (F)"
        )
        raise ValueError(msg)
    if not np.isfinite(rows).all():
        msg = f"contrast is {contrast!r}; all weights must be finite"
        raise ValueError(msg)
    if not rows.any(axis=1).all():
        msg = "contrast has a row of zeros, which tests nothing; it must weigh a column"
        raise ValueError(msg)
    rank = int(np.linalg.matrix_rank(_scaled(rows.T)))
    if rank < len(rows):
        msg = (
            f"contrast has {len(rows)} rows but rank {rank}; "
            "each row must test something that the others do not"
        )
        raise ValueError(msg)
    return rows, len(rows) > 1


def _orthonormal(
    columns: NDArray[np.float64], *, signed: bool = False
) -> NDArray[np.float64]:
    """Return an orthonormal basis; with `signed` the first keeps its direction."""
    basis, triangle = np.linalg.qr(columns)
    if signed:
        basis = basis * np.where(np.diag(triangle) < 0, -1, 1)
    return basis


def _constant_first(basis: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a basis of the same space, which begins with its constant if it has one.

    A constant is the same after images have changed places, and costs nothing then.
    """
    constant = np.full(len(basis), len(basis) ** -0.5)
    beside = constant - basis @ (basis.T @ constant)
    if np.linalg.norm(beside) > _ROUNDING:
        return basis
    rest, _, _ = np.linalg.svd(
        basis - np.outer(constant, constant @ basis), full_matrices=False
    )
    return np.column_stack([constant, rest[:, : basis.shape[1] - 1]])
