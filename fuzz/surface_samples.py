"""Small surfaces and maps of them, in a file of every format."""

import gzip
import tempfile
from pathlib import Path

import nibabel
import numpy as np
from nibabel.cifti2 import BrainModelAxis, LabelAxis, ScalarAxis, SeriesAxis
from nibabel.freesurfer import io as freesurfer

from nithresh import testing

COORDINATES, TRIANGLES = testing.icosphere(0)
VALUES = np.array([3, 4, -3, 2, 0, 5, -2, -9, 1, 2, 2.5, 7], np.float32)
SIDES = {"left": "CortexLeft", "right": "CortexRight"}
# What FreeSurfer writes behind a surface.
VOLUME = {
    "head": np.array([2, 0, 20]),
    "valid": "1  # volume info valid",
    "filename": "T1.mgz",
    "volume": np.array([256, 256, 256]),
    "voxelsize": np.ones(3),
    "xras": np.array([-1.0, 0, 0]),
    "yras": np.array([0, 0, -1.0]),
    "zras": np.array([0, 1.0, 0]),
    "cras": np.array([1.0, 2, 3]),
}


def gifti(side, *arrays, table=False):
    """Make a GIFTI image of arrays and the words of each."""
    image = nibabel.GiftiImage()
    image.meta["AnatomicalStructurePrimary"] = SIDES[side]
    for data, words in arrays:
        image.add_gifti_data_array(nibabel.gifti.GiftiDataArray(data, **words))
    for key in range(-9, 8) if table else ():
        label = nibabel.gifti.GiftiLabel(key, 1, 0, 0, 1)
        label.label = f"r{key}"
        image.labeltable.labels.append(label)
    return image


def surface(side):
    """Make a surface as GIFTI has it."""
    return gifti(
        side,
        (COORDINATES.astype(np.float32), {"intent": "NIFTI_INTENT_POINTSET"}),
        (TRIANGLES, {"intent": "NIFTI_INTENT_TRIANGLE"}),
    )


def cifti(axis, data):
    """Make a CIFTI-2 image of two hemispheres and of voxels."""
    models = (
        BrainModelAxis.from_surface(np.array([0, 1, 2, 5, 7, 11]), 12, "CortexLeft")
        + BrainModelAxis.from_surface(np.arange(12), 12, "CortexRight")
        + BrainModelAxis.from_mask(np.ones((2, 2, 1)), "ThalamusLeft", np.eye(4))
    )
    return nibabel.Cifti2Image(data, (axis, models))


def _made():
    """Make the files, by name."""
    folder = Path(tempfile.mkdtemp())
    of_cifti = np.tile(VALUES, 2)[:22]
    score = {"intent": "NIFTI_INTENT_ZSCORE"}
    table = {number: (f"r{number}", (1, 0, 0, 1)) for number in range(-9, 9)}
    images = {
        "L.surf.gii": surface("left"),
        "R.surf.gii": surface("right"),
        "z.func.gii": gifti("left", (VALUES, score)),
        "two.func.gii": gifti(
            "left", *[(VALUES, {**score, "encoding": "GIFTI_ENCODING_B64BIN"})] * 2
        ),
        "wide.shape.gii": gifti(
            "left",
            (
                np.column_stack([VALUES, -VALUES]),
                {**score, "encoding": "GIFTI_ENCODING_ASCII"},
            ),
        ),
        "a.label.gii": gifti(
            "left",
            (VALUES.astype(np.int32), {"intent": "NIFTI_INTENT_LABEL"}),
            table=True,
        ),
        "map.dscalar.nii": cifti(ScalarAxis(["map"]), of_cifti[np.newaxis]),
        "map.dtseries.nii": cifti(SeriesAxis(0, 2, 3), np.tile(of_cifti, (3, 1))),
        "map.dlabel.nii": cifti(
            LabelAxis(["map"], [table]), of_cifti[np.newaxis].astype(np.int32)
        ),
        "lh.sig.mgh": nibabel.MGHImage(VALUES.reshape(-1, 1, 1), np.eye(4)),
    }
    for name, image in images.items():
        nibabel.save(image, folder / name)
    freesurfer.write_geometry(
        folder / "lh.white", COORDINATES, TRIANGLES, "by hand", volume_info=VOLUME
    )
    freesurfer.write_morph_data(folder / "lh.thickness", VALUES)
    colours = np.array([[25, 5, 25, 0, 0], [25, 100, 40, 0, 0], [125, 100, 160, 0, 0]])
    freesurfer.write_annot(
        folder / "lh.regions.annot",
        np.arange(12) % 3,
        colours,
        ["unknown", "bankssts", "caudal"],
        fill_ctab=True,
    )
    files = {file.name: file.read_bytes() for file in folder.iterdir()}
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    files["z.func.gii.gz"] = gzip.compress(files["z.func.gii"], mtime=0)
    files["values.bin"] = VALUES.astype("<f4").tobytes()
    files["outside.func.gii"] = (
        b'<?xml version="1.0"?><GIFTI Version="1.0" NumberOfDataArrays="1">'
        b'<DataArray Intent="NIFTI_INTENT_ZSCORE" DataType="NIFTI_TYPE_FLOAT32" '
        b'ArrayIndexingOrder="RowMajorOrder" Dimensionality="1" Dim0="12" '
        b'Encoding="ExternalFileBinary" Endian="LittleEndian" '
        b'ExternalFileName="values.bin" ExternalFileOffset="0"><Data/></DataArray>'
        b"</GIFTI>"
    )
    return files


SURFACE_FILES = _made()
_GIFTI, _BOTH, _WHITE = (
    {"left": "L.surf.gii"},
    {"left": "L.surf.gii", "right": "R.surf.gii"},
    {"left": "lh.white"},
)
#: The surfaces of each map.
SURFACES = {
    "z.func.gii": _GIFTI,
    "z.func.gii.gz": _WHITE,
    "two.func.gii": _GIFTI,
    "wide.shape.gii": _GIFTI,
    "a.label.gii": _GIFTI,
    "outside.func.gii": _GIFTI,
    "map.dscalar.nii": _BOTH,
    "map.dtseries.nii": _BOTH,
    "map.dlabel.nii": _BOTH,
    "lh.thickness": _WHITE,
    "lh.sig.mgh": _WHITE,
}
SURFACES_BESIDE = {name: [*files.values()] for name, files in SURFACES.items()}
SURFACES_BESIDE["outside.func.gii"].append("values.bin")
#: The atlases of some of them.
ATLASES = {
    "z.func.gii": "lh.regions.annot",
    "z.func.gii.gz": "a.label.gii",
    "lh.thickness": "lh.regions.annot",
    "map.dscalar.nii": "map.dlabel.nii",
}
for _name, _atlas in ATLASES.items():
    SURFACES_BESIDE[_name].append(_atlas)
