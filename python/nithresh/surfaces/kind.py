"""What all kinds of maps of surfaces have in common."""

from __future__ import annotations

import colorsys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nithresh._numbers import shape_text
from nithresh.surfaces.mesh import Mesh
from nithresh.surfaces.nodes import Nodes

# The golden angle: any number of hues in a row are far from each other.
_HUE_STEP = 0.381966


class Label(NamedTuple):
    """The name of a label, and its red, green, blue and opacity, from 0 to 1."""

    name: str
    colour: tuple[float, float, float, float]


class Kind(ABC):
    """A map of surfaces.

    Attributes
    ----------
    nodes : Nodes
    data : numpy.ndarray of shape (nodes,) or (nodes, maps)
        In the type of its file; to be read, not written.
    origin : nibabel image or NoHeader
        What may say which statistic its values are.
    has_meshes : bool
        Whether it has its surfaces itself; those of most are in other files.
    """

    nodes: Nodes
    data: NDArray[Any]
    origin: Any

    has_meshes = False

    def own_meshes(self) -> Mapping[str | None, Mesh]:
        """Read the surfaces that it has itself."""
        return {}

    def label_names(self) -> Mapping[int, str]:
        """Return the names of labels that it has itself."""
        return {}

    @abstractmethod
    def with_data(self, result: NDArray[Any], *, are_scores: bool = False) -> Any:
        """Make an image like this one of a result of the shape of the data.

        Results are of the types of the parts of the data; scores are not, and keep
        their own.
        """

    @abstractmethod
    def with_labels(self, labels: NDArray[Any], count: int) -> Any:
        """Make an image of labels up to `count`, one for each node."""


def check_values(values: NDArray[Any], name: str) -> None:
    """Check that values are real numbers, of nodes or of nodes and maps."""
    if values is None:  # as nibabel has arrays that are not read
        msg = f"{name} has an array without values"
        raise ValueError(msg)
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


def label_table(count: int) -> list[Label]:
    """Return the labels from 0, which is none, to `count`.

    Each has a colour unlike the one before.
    """
    hues = (np.arange(count) * _HUE_STEP) % 1
    shades = [colorsys.hsv_to_rgb(hue, 0.75, 0.9) for hue in hues.tolist()]
    return [
        Label("???", (1.0, 1.0, 1.0, 0.0)),
        *(
            Label(f"cluster {number}", (*shade, 1.0))
            for number, shade in enumerate(shades, 1)
        ),
    ]
