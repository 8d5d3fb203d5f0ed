"""CIFTI-2: grayordinates, which are vertices of the cortex and voxels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import nibabel
import numpy as np
from nibabel.cifti2.cifti2 import Cifti2Image
from nibabel.cifti2.cifti2_axes import LabelAxis
from nibabel.nifti1 import Nifti1Extension
from numpy.typing import NDArray

from nithresh._stated import NoHeader
from nithresh.files.reading import naming_file, read_voxels
from nithresh.files.surface_files import (
    CIFTI_CODE,
    CiftiFile,
    cifti_image,
    xml_of,
)
from nithresh.surfaces import cifti_xml
from nithresh.surfaces.cifti_xml import CiftiXml, structure_of
from nithresh.surfaces.kind import Kind, check_values, label_table
from nithresh.surfaces.nodes import Nodes, Structure

_LABELS = 3007
_LABELS_NAME = "ConnDenseLabel"


class CiftiFileMap(Kind):
    """A file, of which results keep the XML byte for byte."""

    def __init__(self, file: CiftiFile, path: str, *, raw: bool) -> None:
        self._file, self._path, self._raw = file, path, raw
        self.origin = NoHeader(path)
        with naming_file(path):
            self._words: CiftiXml = cifti_xml.parse(file.xml)
            self.nodes = self._words.nodes
            data = read_voxels(file.image)
            maps, count = data.shape[4:]
            _check_count(count, self.nodes)
        # In the file, the values of one place for all maps follow one another.
        self.data: NDArray[Any] = data.reshape(maps, count, order="F").T
        if maps == 1:
            self.data = self.data[:, 0]
        check_values(self.data, "img")

    def label_names(self) -> Mapping[int, str]:
        """Return the table of labels of its first map."""
        with naming_file(str(self.origin.get_filename())):
            return cifti_xml.label_names(self._file.xml[self._words.place_of_maps])

    def with_data(self, result: NDArray[Any], *, are_scores: bool = False) -> Any:
        """Make an image like the file."""
        header = self._file.image.header.copy()
        header.set_data_dtype(result.dtype)
        return self._made(result, header)

    def with_labels(self, labels: NDArray[Any], count: int) -> Any:
        """Make an image of labels, as ``.dlabel.nii`` files hold."""
        place = self._words.place_of_maps
        xml = cifti_xml.with_labels(self._file.xml, place, label_table(count))
        header = _of_labels(self._file.image.header)
        header.extensions = type(header.extensions)([Nifti1Extension(CIFTI_CODE, xml)])
        return self._made(labels, header)

    def _made(self, values: NDArray[Any], header: Any) -> Any:
        header.set_slope_inter(None, None)
        maps = _as_maps(values)
        if self._raw:
            data = maps[np.newaxis, np.newaxis, np.newaxis, np.newaxis]
            return nibabel.Nifti2Image(data, None, header)
        # nibabel makes objects of more of the XML than was looked at.
        with naming_file(self._path):
            return cifti_image(maps, xml_of(header), header)


class CiftiImageMap(Kind):
    """An image of nibabel's class in hand."""

    def __init__(self, image: Cifti2Image, name: str) -> None:
        self._image = image
        self.origin = NoHeader(image.get_filename())
        header: Any = image.header
        kinds = [
            header.get_index_map(axis).indices_map_to_data_type
            for axis in range(header.number_of_mapped_indices)
        ]
        with naming_file(name):
            cifti_xml.check_axes(dict(enumerate(kinds)))
            models = header.get_index_map(1)
            structures = cifti_xml.in_order(map(_structure, models.brain_models))
            affine = _affine(models.volume)
            cifti_xml.check_affine(structures, affine)
            self.nodes = Nodes(structures, affine)
            data = np.asanyarray(image.dataobj)
            _check_count(data.shape[-1], self.nodes)
        check_values(data, name)
        self.data: NDArray[Any] = data[0] if len(data) == 1 else data.T

    def label_names(self) -> Mapping[int, str]:
        """Return the table of labels of its first map."""
        own: Any = self._image.header
        maps = list(own.get_index_map(0).named_maps)
        table = maps[0].label_table if maps else None
        return {key: str(label.label or "") for key, label in (table or {}).items()}

    def with_data(self, result: NDArray[Any], *, are_scores: bool = False) -> Any:
        """Make an image with the headers of this one."""
        header = self._image.nifti_header.copy()
        header.set_data_dtype(result.dtype)
        return Cifti2Image(_as_maps(result), self._image.header, header)

    def with_labels(self, labels: NDArray[Any], count: int) -> Any:
        """Make an image with a table of labels."""
        own: Any = self._image.header
        table = dict(enumerate(label_table(count)))
        axes = (LabelAxis(["clusters"], [table]), own.get_axis(1))
        header = _of_labels(self._image.nifti_header)
        return Cifti2Image(_as_maps(labels), axes, header)


def _check_count(count: int, nodes: Nodes) -> None:
    if count != nodes.count:
        msg = f"it has {count} values a map for {nodes.count} places"
        raise ValueError(msg)


def _of_labels(header: Any) -> Any:
    """Return a copy of a header that says that its image holds labels."""
    header = header.copy()
    header.set_data_dtype(np.int32)
    header["intent_code"] = _LABELS
    header["intent_name"] = _LABELS_NAME.encode()
    return header


def _as_maps(values: NDArray[Any]) -> NDArray[Any]:
    """Return values with the maps along the first axis, as CIFTI has them."""
    return values.reshape(len(values), -1).T


def _structure(model: Any) -> Structure:
    """Make a structure of nibabel's brain model."""
    nodes = slice(model.index_offset, model.index_offset + model.index_count)
    indices, vertices = model.voxel_indices_ijk, None
    if model.model_type == cifti_xml.SURFACE:
        indices, vertices = model.vertex_indices, model.surface_number_of_vertices
    indices = np.asarray(indices, dtype=np.intp).reshape(-1)
    return structure_of(model.brain_structure, nodes, indices, vertices)


def _affine(volume: Any) -> NDArray[np.float64] | None:
    if volume is None:
        return None
    own = volume.transformation_matrix_voxel_indices_ijk_to_xyz
    return cifti_xml.in_mm(own.matrix, own.meter_exponent)
