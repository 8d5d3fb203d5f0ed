"""What docstrings of several calls say of the same parameter, written once.

A line ``{name}`` in a docstring stands for the text of that name here. More lines about
the parameter may follow it.
"""

import re
from typing import Any, TypeVar

Documented = TypeVar("Documented")

_TEXTS = {
    "cluster_threshold": """\
cluster_threshold : int, default=0
    Least extent of a cluster in voxels.""",
    "two_sided": """\
two_sided : bool, default=True
    Keep ``abs(v) >= threshold``. Otherwise keep ``v >= threshold``, or
    ``v <= threshold`` if the threshold is negative.""",
    "connectivity": """\
connectivity : {6, 18, 26}, default=6
    Neighbours share a face (6), a face or an edge (18), or a face, an edge or a
    corner (26).""",
    "comparison": """\
comparison : {">=", ">"}, optional
    ``">"`` drops voxels that equal the threshold, in the type of the map. By default
    ``">="``, or what `rules` say.
rules : str, optional
    The defaults of another tool for `comparison`, `two_sided`, `connectivity` and the
    order of clusters: ``"nilearn"``, ``"spm"``, ``"fsl"``, ``"afni-bisided"``,
    ``"mrtrix"`` or ``"workbench"``; docs/rules.md has them in a table. A word that is
    given as well counts instead.""",
    "mask": """\
mask : numpy.ndarray of shape (x, y, z), optional
    0 outside and one other value inside.""",
    "mask_img": """\
mask_img : str, pathlib.Path or nibabel image, optional
    0 outside and one other value inside. A mask on another grid is taken at the
    centres of the map's voxels.""",
    "surface": """\
surface : path, mesh, or mapping of "left" and "right" to them, optional
    For a map of surfaces, which vertices are neighbours: a ``.surf.gii`` file, one of
    FreeSurfer (``lh.white``), a pair of arrays (coordinates in mm, triangles) or a mesh
    of nilearn. Needed where clusters are asked for; a SurfaceImage has its own.""",
    "areas": """\
areas : path, array, or mapping of "left" and "right" to them, optional
    The area of each vertex in mm², instead of a third of that of its triangles: the
    areas of an average surface are too small, and those of an inflated one are not
    those of the cortex.""",
    "min_area": """\
min_area : float, default=0.0
    Least area of a cluster of vertices in mm²; a cluster of just this area is kept.
    It does not apply to clusters of voxels.""",
    "across_structures": """\
across_structures : bool, default=False
    Whether clusters of voxels go on from one structure of a CIFTI file to another.""",
    "chunked_array": """\
array : dask.array.Array of shape (x, y, z)
    A real type of up to 64 bits, in chunks of known sizes; it must be the same each
    time it is computed.""",
    "chunked_mask": """\
mask : dask.array.Array or numpy.ndarray of shape (x, y, z), optional
    0 outside and one other value inside.""",
    "errors_of_arguments": """\
TypeError
    An argument of the wrong type.
ValueError
    An argument of the right type with a value that is not allowed.""",
}


def shared_docs(documented: Documented) -> Documented:
    """Write the shared texts into the docstring of a function or a class."""
    target: Any = documented
    # None under python -OO.
    if target.__doc__ is not None:
        target.__doc__ = re.sub(
            r"^( *)\{(\w+)\}$", _indented, target.__doc__, flags=re.MULTILINE
        )
    return documented


def _indented(line: re.Match[str]) -> str:
    indent, name = line.groups()
    return "\n".join(f"{indent}{text}" for text in _TEXTS[name].split("\n"))
