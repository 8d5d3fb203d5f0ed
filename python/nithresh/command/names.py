"""Names of outputs, made of those of their inputs."""

import re
from pathlib import Path

from nithresh._paths import expanded
from nithresh.surfaces.words import CIFTI_EXTENSION

# Entities such as sub-01, then a suffix.
_BIDS = re.compile(r"((?:[A-Za-z]+-[A-Za-z0-9+]+_)+)([A-Za-z0-9]+)")
_DESC = re.compile(r"(?<![A-Za-z0-9])desc-([A-Za-z0-9+]+)_")
_EXTENSIONS = re.compile(
    rf"({CIFTI_EXTENSION}|(\.(func|shape|label|surf|time))?\.gii(\.gz)?"
    r"|\.(nii|nii\.gz|hdr|img|hdr\.gz|img\.gz|mgh|mgz|head|brik|brik\.gz))$",
    re.IGNORECASE,
)
_OF_SURFACES = re.compile(rf"\.gii(\.gz)?$|{CIFTI_EXTENSION}$", re.IGNORECASE)
# FreeSurfer's maps of vertices have no extension.
_OVERLAY = re.compile(r"[lr]h\.")
# Extensions that an output keeps. MGH holds no float64, which scores may be.
_KEPT = (".nii", ".nii.gz", ".mgh", ".mgz")
_KEPT_FOR_SCORES = (".nii", ".nii.gz")


def split(name: str) -> tuple[str, str]:
    """Split the name of an image into stem and extension.

    Examples
    --------
    >>> split("map.v2.nii.gz"), split("z.func.gii"), split("readme")
    (('map.v2', '.nii.gz'), ('z', '.func.gii'), ('readme', ''))
    """
    found = _EXTENSIONS.search(name)
    return (name[: found.start()], found.group()) if found else (name, "")


def image_beside(
    source: str, folder: str | None, what: str, *, suffix: str | None = None
) -> Path:
    """Name an image that is made of another.

    A BIDS name [1]_ gets the entity desc, the last in the order of entities, and keeps
    its others: they say which data this is, and desc is for what was done to them. A
    desc that it has grows by a word, so that two inputs that differ by it stay apart.

    Parameters
    ----------
    source : str
        The path of the input.
    folder : str, optional
        Of the output; beside the input if not given.
    what : str
        What was done, in one word.
    suffix : str, optional
        The BIDS suffix of the output; that of the input if not given.

    References
    ----------
    .. [1] https://bids-specification.readthedocs.io/en/stable/derivatives/introduction.html

    Examples
    --------
    >>> image_beside("sub-1_stat-z_statmap.nii.gz", None, "thresholded").name
    'sub-1_stat-z_desc-thresholded_statmap.nii.gz'
    >>> image_beside("sub-1_desc-smooth_statmap.nii", None, "tfce").name
    'sub-1_desc-smoothTfce_statmap.nii'
    >>> image_beside("motor.hdr", "out", "thresholded").as_posix()
    'out/motor_thresholded.nii.gz'
    >>> image_beside("sub-1_stat-z_statmap.dscalar.nii", None, "thresholded").name
    'sub-1_stat-z_desc-thresholded_statmap.dscalar.nii'
    """
    stem, extension = split(Path(source).name)
    if not extension and _OVERLAY.match(stem):
        extension = ".mgh"
    elif not _OF_SURFACES.search(extension):
        kept = _KEPT_FOR_SCORES if what == "tfce" else _KEPT
        if extension.lower() not in kept:
            extension = ".nii.gz"
    bids = _BIDS.fullmatch(stem)
    if bids is None:
        return _in(source, folder, f"{stem}_{what}{extension}")
    entities, own_suffix = bids.groups()
    if _DESC.search(entities):
        entities = _DESC.sub(rf"desc-\g<1>{what.capitalize()}_", entities)
    else:
        entities = f"{entities}desc-{what}_"
    return _in(source, folder, f"{entities}{suffix or own_suffix}{extension}")


def table_beside(source: str, folder: str | None) -> Path:
    """Name the table of the clusters of an image, as nilearn's BIDS reports do.

    Examples
    --------
    >>> table_beside("sub-1_stat-z_statmap.nii.gz", None).name
    'sub-1_stat-z_clusters.tsv'
    >>> table_beside("motor.nii", None).name
    'motor_clusters.tsv'
    """
    stem, _ = split(Path(source).name)
    bids = _BIDS.fullmatch(stem)
    return _in(source, folder, f"{bids[1] if bids else stem + '_'}clusters.tsv")


def labels_beside(source: str, folder: str | None) -> Path:
    """Name the label image of an image; BIDS calls such a one dseg.

    Examples
    --------
    >>> labels_beside("sub-1_stat-z_statmap.nii.gz", None).name
    'sub-1_stat-z_desc-clusters_dseg.nii.gz'
    >>> labels_beside("motor.nii", None).name
    'motor_labels.nii'
    >>> labels_beside("z.dscalar.nii", None).name
    'z_labels.dlabel.nii'
    >>> labels_beside("z.denoised.nii", None).name
    'z.denoised_labels.nii'
    """
    is_bids = _BIDS.fullmatch(split(Path(source).name)[0]) is not None
    what = "clusters" if is_bids else "labels"
    path = image_beside(source, folder, what, suffix="dseg")
    stem, extension = split(path.name)
    if extension.lower().endswith((".gii", ".gii.gz")):
        return path.with_name(f"{stem}.label.gii")
    if _OF_SURFACES.search(extension):
        return path.with_name(f"{stem}.dlabel.nii")
    return path


def sidecar_of(output: Path) -> Path:
    """Name the JSON file beside an output.

    Examples
    --------
    >>> sidecar_of(Path("map.v2.nii.gz")).name, sidecar_of(Path("plot.v2.png")).name
    ('map.v2.json', 'plot.v2.json')
    """
    stem, extension = split(output.name)
    return output.with_name(f"{stem if extension else output.stem}.json")


def _in(source: str, folder: str | None, name: str) -> Path:
    return (expanded(source).parent if folder is None else expanded(folder)) / name
