"""What a result was made of and by which rules, for tables and sidecars."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nithresh._params import Percentile, Request


def rules_of(request: Request, threshold: Any, level: float) -> dict[str, Any]:
    """Say which voxels and which clusters were kept."""
    is_percentile = isinstance(request.threshold, Percentile)
    side = "abs(value)" if request.two_sided else "value"
    comparison = request.comparison
    return {
        "rules": request.rules,
        "threshold": threshold if is_percentile else level,
        "threshold_resolved": level,
        "comparison": f"{side} {comparison.replace('>', '<' if level < 0 else '>')}",
        "two_sided": request.two_sided,
        "connectivity": request.connectivity,
        "cluster_threshold": request.cluster_threshold,
        "order": request.order,
    }


def source(img: Any) -> dict[str, str | None] | None:
    """Return name and SHA-256 of the file that a path or an image is read from.

    None for voxels in memory; no SHA-256 for a pattern, or for a file that is gone.
    """
    import nibabel
    from nibabel.spatialimages import SpatialImage

    from nithresh._paths import expanded
    from nithresh.files import sha256

    if isinstance(img, SpatialImage):
        path = img.get_filename() if nibabel.is_proxy(img.dataobj) else None
        if path is None:
            return None
    else:
        path = img
    place = expanded(path)
    return {"name": place.name, "sha256": sha256(place) if place.is_file() else None}


def sources(given: Any) -> Any:
    """Return names and checksums of files, of one or of a mapping of them.

    None for what is in memory.
    """
    if isinstance(given, Mapping):
        return {str(name): sources(part) for name, part in given.items()}
    path = given
    for name in ("path", "file_path"):  # of a surface, here and in nilearn
        path = getattr(given, name, path)
    if isinstance(path, (str, os.PathLike)) and (path is given or Path(path).is_file()):
        return source(path)
    return None


def versions() -> dict[str, str]:
    """Return the versions of the packages that compute, read and write."""
    import nibabel

    from nithresh import __version__

    return {
        "nithresh": __version__,
        "numpy": np.__version__,
        "nibabel": nibabel.__version__,
    }


def finite(value: Any) -> Any:
    """Return a value as JSON can hold it: infinities as text."""
    if isinstance(value, Mapping):
        return {name: finite(part) for name, part in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, np.generic):
        return value.item()
    return value
