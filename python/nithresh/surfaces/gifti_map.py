"""GIFTI: a map in each array, or all in one of shape (vertices, maps)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import nibabel
import numpy as np
from nibabel.gifti.gifti import GiftiDataArray, GiftiLabel, GiftiLabelTable
from numpy.typing import NDArray

from nithresh._stated import NoHeader, unstate_array
from nithresh.surfaces.kind import Kind, check_values, label_table
from nithresh.surfaces.mesh import gifti_side
from nithresh.surfaces.nodes import Nodes, Structure

# Points and triangles.
_OF_SURFACES = (1008, 1009)
_LABEL = "NIFTI_INTENT_LABEL"
_COMPRESSED = "GIFTI_ENCODING_B64GZ"


class GiftiMap(Kind):
    """A GIFTI image of values of the vertices of one surface."""

    def __init__(self, image: nibabel.GiftiImage, name: str) -> None:
        self.image = image
        self.origin = NoHeader(image.get_filename(), image.darrays)
        self._arrays = image.darrays
        if any(array.intent in _OF_SURFACES for array in self._arrays):
            msg = (
                f"{name} is a GIFTI surface, and not a map of values of its vertices; "
                "it may be given as surface"
            )
            raise ValueError(msg)
        if not self._arrays:
            msg = f"{name} is a GIFTI image without arrays; it has no map"
            raise ValueError(msg)
        for array in self._arrays:
            check_values(array.data, name)
        lengths = {len(array.data) for array in self._arrays}
        if len(lengths) > 1:
            msg = (
                f"{name} has arrays of {sorted(lengths)} values; its maps must be of "
                "the same vertices"
            )
            raise ValueError(msg)
        words = {**self._arrays[0].meta, **image.meta}
        structure = gifti_side(image, words) or "surface"
        count = lengths.pop()
        self.nodes = Nodes((Structure(structure, slice(0, count), vertex_count=count),))
        if len(self._arrays) == 1:
            self.data: NDArray[Any] = self._arrays[0].data
        else:
            columns = [array.data.reshape(count, -1) for array in self._arrays]
            self.data = np.concatenate(columns, axis=1)

    def label_names(self) -> Mapping[int, str]:
        """Return its table of labels."""
        labels = self.image.labeltable.labels
        # nibabel sets a label's text only if the file has some.
        return {label.key: str(getattr(label, "label", None) or "") for label in labels}

    def with_data(
        self, result: NDArray[Any], *, are_scores: bool = False
    ) -> nibabel.GiftiImage:
        """Make an image with the words of this one, and its arrays one by one."""
        arrays, first = [], 0
        for own in self._arrays:
            width = 1 if own.data.ndim == 1 else own.data.shape[1]
            values = result
            if len(self._arrays) > 1:
                values = result[:, first : first + width].reshape(own.data.shape)
            # GIFTI has no other floats.
            dtype = np.dtype(np.float32) if are_scores else own.data.dtype
            made = _like(own, values.astype(dtype))
            if are_scores:
                unstate_array(made)
            arrays.append(made)
            first += width
        return nibabel.GiftiImage(
            header=self.image.header,
            meta=type(self.image.meta)(self.image.meta),
            labeltable=self.image.labeltable,
            darrays=arrays,
            version=self.image.version,
        )

    def with_labels(self, labels: NDArray[Any], count: int) -> nibabel.GiftiImage:
        """Make an image with a table of labels, as ``.label.gii`` files have."""
        table = GiftiLabelTable()
        for key, (name, colour) in enumerate(label_table(count)):
            label: Any = GiftiLabel(key, *colour)
            label.label = name
            table.labels.append(label)
        array = GiftiDataArray(
            labels, intent=_LABEL, datatype="NIFTI_TYPE_INT32", encoding=_COMPRESSED
        )
        array.meta["Name"] = "clusters"
        meta = type(self.image.meta)(self.image.meta)
        return nibabel.GiftiImage(meta=meta, labeltable=table, darrays=[array])


def _like(own: Any, values: NDArray[Any]) -> GiftiDataArray:
    """Make an array with the words of another."""
    return GiftiDataArray(
        np.ascontiguousarray(values),
        intent=own.intent,
        datatype=own.datatype if values.dtype == own.data.dtype else values.dtype,
        encoding=_COMPRESSED if own.ext_fname else own.encoding,
        endian=own.endian,
        coordsys=own.coordsys,
        ordering=own.ind_ord,
        meta=type(own.meta)(own.meta),
    )
