"""What all kinds of maps of surfaces have in common."""

from __future__ import annotations

import colorsys
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from nithresh._numbers import shape_text
from nithresh.surfaces.mesh import Mesh
from nithresh.surfaces.nodes import Nodes

# The golden angle: any number of hues in a row are far from each other.
_HUE_STEP = 0.381966


class Kind(Protocol):
    """A map of surfaces.

    Attributes
    ----------
    nodes : Nodes
    data : numpy.ndarray of shape (nodes,) or (nodes, maps)
        In the type of its file; to be read, not written.
    origin : nibabel image or NoHeader
        What may say which statistic its values are.
    """

    nodes: Nodes
    data: NDArray[Any]
    origin: Any

    def own_meshes(self) -> Mapping[str | None, Mesh] | None:
        """Read the surfaces that it has itself, if it has any."""

    def with_data(
        self,
        result: NDArray[Any],
        limits: tuple[float, float],
        *,
        are_scores: bool = False,
    ) -> Any:
        """Make an image like this one of a result of the shape of the data.

        `limits` are its smallest and its largest value. Results are of the types of the
        parts of the data; scores are not, and keep their own.
        """

    def with_labels(self, labels: NDArray[Any], count: int) -> Any:
        """Make an image of labels up to `count`, one for each node."""


def check_values(values: NDArray[Any], name: str) -> None:
    """Check that values are real numbers, of nodes or of nodes and maps."""
    if values.ndim not in (1, 2):
        msg = (
            f"{name} has values of shape {shape_text(values.shape)}; they must be one "
            "for each vertex, or one for each vertex and map"
        )
        raise ValueError(msg)
    if not len(values):
        msg = f"{name} has no values"
        raise ValueError(msg)
    if values.dtype.kind not in "biuf":
        msg = f"{name} has values of type {values.dtype}; they must be real numbers"
        raise TypeError(msg)


def colours(count: int) -> NDArray[np.float64]:
    """Return red, green and blue of labels, from 0 to 1, each unlike the one before."""
    hues = (np.arange(count) * _HUE_STEP) % 1
    return np.array([colorsys.hsv_to_rgb(hue, 0.75, 0.9) for hue in hues]).reshape(
        -1, 3
    )
