"""Interfaces for nipype_ workflows: thresholding, clusters and scores of image files.

What goes in has the names of the Python calls, except for ``in_file``, which nipype's
interfaces share. What comes out lies in the working directory of the node, and has
the name that the command ``nithresh`` would give it.

.. _nipype: https://nipype.readthedocs.io
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from nithresh import __version__, find_clusters, save, tfce_img, threshold_img
from nithresh._connectivity import CONNECTIVITIES
from nithresh._rules import CONNECTIVITY, RULES, TWO_SIDED
from nithresh.command.names import image_beside, labels_beside, table_beside

try:
    from nipype.interfaces.base import (
        BaseInterfaceInputSpec,
        File,
        SimpleInterface,
        Str,
        TraitedSpec,
        isdefined,
        traits,
    )
except ImportError as error:
    _msg = (
        "nithresh.interfaces.nipype needs nipype; install it with: "
        "pip install 'nithresh[nipype]'"
    )
    raise ImportError(_msg) from error

__all__ = ["TFCE", "Clusters", "Threshold"]


class _InputSpec(BaseInterfaceInputSpec):
    """Inputs of all interfaces."""

    in_file = File(exists=True, mandatory=True, desc="a statistical map")
    two_sided = traits.Bool(
        default_value=True,
        usedefault=True,
        desc="keep both signs; otherwise one, as the Python call does",
    )
    connectivity = traits.Enum(
        *CONNECTIVITIES,
        usedefault=True,
        desc="neighbours share a face (6), a face or an edge (18), or a face, an edge "
        "or a corner (26)",
    )
    mask_img = File(
        exists=True,
        desc="0 outside and one other value inside; on another grid it is taken "
        "at the centres of the map's voxels",
    )


class _ThresholdingInputSpec(_InputSpec):
    """Inputs of interfaces with a threshold."""

    threshold = traits.Union(
        traits.Float(),
        Str(),
        mandatory=True,
        desc="in the units of the map, or a percentile such as '95%'; voxels equal to "
        "it are kept",
    )
    cluster_threshold = traits.Int(
        0,
        usedefault=True,
        desc="keep clusters of at least so many voxels",
    )
    rules = traits.Enum(
        *RULES,
        desc="threshold and number as this tool does by default; two_sided=False and "
        "a connectivity other than 6 count before it",
    )


class _ThresholdInputSpec(_ThresholdingInputSpec):
    out_file = File(desc="another name for the result")


class _ClustersInputSpec(_ThresholdingInputSpec):
    min_distance = traits.Float(
        8.0, usedefault=True, desc="least distance in mm between peaks of a cluster"
    )
    max_peaks = traits.Int(
        4, usedefault=True, desc="how many peaks of a cluster are listed at most"
    )
    extra = traits.Dict(
        Str(), File(exists=True), desc="extra maps on the same grid, by name"
    )
    table_file = File(desc="another name for the table; it ends in .tsv")
    labels_file = File(desc="another name for the label image")


class _TFCEInputSpec(_InputSpec):
    E = traits.Float(0.5, usedefault=True, desc="power of the extent in voxels")
    H = traits.Float(2.0, usedefault=True, desc="power of the height")
    out_file = File(desc="another name for the result")


class _ImageOutputSpec(TraitedSpec):
    out_file = File(exists=True, desc="the resulting map")


class _ClustersOutputSpec(TraitedSpec):
    table_file = File(exists=True, desc="the table of clusters, tab-separated")
    # An output too, because nipype removes files that are not outputs.
    sidecar_file = File(
        exists=True,
        desc="the .json file beside the table: what its columns say, and what it was "
        "made of by which rules",
    )
    labels_file = File(
        exists=True, desc="the number of its cluster at each voxel, 0 at those of none"
    )


class _Interface(SimpleInterface):
    """An interface whose inputs are the arguments of a call of this package."""

    _version = __version__

    def _arguments(self) -> dict[str, Any]:
        """Return what was set, except the names of files."""
        given: dict[str, Any] = self.inputs.get_traitsfree()
        if "rules" in given:
            # nipype sets defaults as if they had been said.
            for name, unsaid in (
                ("two_sided", TWO_SIDED),
                ("connectivity", CONNECTIVITY),
            ):
                if given[name] == unsaid:
                    given[name] = unsaid
        return {
            name: value for name, value in given.items() if not name.endswith("_file")
        }

    def _output(self, runtime: Any, name: str, usual: Path) -> Path:
        """Return the path of an output: the given one, or the usual one."""
        given = getattr(self.inputs, name)
        path = Path(runtime.cwd, given) if isdefined(given) else usual
        self._results[name] = str(path)
        return path


class _ImageInterface(_Interface):
    """An interface whose call makes one image from another."""

    output_spec = _ImageOutputSpec
    _call: Callable[..., Any]
    _done: str

    def _run_interface(self, runtime: Any) -> Any:
        source = self.inputs.in_file
        usual = image_beside(source, runtime.cwd, self._done)
        output = self._output(runtime, "out_file", usual)
        save(self._call(source, **self._arguments()), output)
        return runtime


class Threshold(_ImageInterface):
    """Keep the voxels that pass a threshold, in clusters that are large enough.

    :func:`nithresh.threshold_img` with ``in_file`` as its `img`. Of
    ``sub-1_stat-z_statmap.nii.gz`` the name of ``out_file`` is
    ``sub-1_stat-z_desc-thresholded_statmap.nii.gz``, of ``motor.nii.gz`` it is
    ``motor_thresholded.nii.gz``.

    Examples
    --------
    >>> from nithresh.interfaces.nipype import Threshold
    >>> threshold = Threshold(threshold="95%", cluster_threshold=10)
    >>> threshold.inputs.connectivity
    6
    """

    input_spec = _ThresholdInputSpec
    _call = staticmethod(threshold_img)
    _done = "thresholded"


class TFCE(_ImageInterface):
    """Enhance the clusters of a map without a threshold.

    :func:`nithresh.tfce_img` with ``in_file`` as its `img`. ``out_file`` is named as
    that of :class:`Threshold`, with ``tfce`` in the place of ``thresholded``.

    Examples
    --------
    >>> from nithresh.interfaces.nipype import TFCE
    >>> TFCE(connectivity=26).inputs.H
    2.0
    """

    input_spec = _TFCEInputSpec
    _call = staticmethod(tfce_img)
    _done = "tfce"


class Clusters(_Interface):
    """Find the clusters of a map: their table, and an image of their numbers.

    :func:`nithresh.find_clusters` with ``in_file`` as its `img`. Of
    ``sub-1_stat-z_statmap.nii.gz`` the outputs are ``sub-1_stat-z_clusters.tsv`` and
    ``sub-1_stat-z_desc-clusters_dseg.nii.gz``, of ``motor.nii.gz`` they are
    ``motor_clusters.tsv`` and ``motor_labels.nii.gz``.

    Examples
    --------
    >>> from nithresh.interfaces.nipype import Clusters
    >>> clusters = Clusters(threshold=3.1, two_sided=False)
    >>> clusters.inputs.max_peaks
    4
    """

    input_spec = _ClustersInputSpec
    output_spec = _ClustersOutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        source, folder = self.inputs.in_file, runtime.cwd
        table = self._output(runtime, "table_file", table_beside(source, folder))
        labels = self._output(runtime, "labels_file", labels_beside(source, folder))
        clusters = find_clusters(source, **self._arguments())
        save(clusters.labels_img, labels)
        clusters.table.to_tsv(table)
        self._results["sidecar_file"] = str(table.with_suffix(".json"))
        return runtime
