"""The surfaces of a command: read once, and again only by another process."""

from __future__ import annotations

import os
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nithresh._choices import source, versions
from nithresh._params import check_not_negative
from nithresh._paths import expanded
from nithresh.command.errors import UsageError, as_usage, needing
from nithresh.command.options import SurfaceOptions
from nithresh.surfaces.words import SurfaceWords, is_surface_map

if TYPE_CHECKING:
    from nithresh.surfaces.opened import OpenSurface


class Surfaces:
    """The surfaces and areas that were named, and a mask of vertices.

    Parameters
    ----------
    paths : mapping of str to str
        By option, without its dashes.
    min_area : float
    across_structures : bool
    mask : str or None
    """

    def __init__(
        self,
        paths: dict[str, str],
        min_area: float,
        *,
        across_structures: bool,
        mask: str | None,
    ) -> None:
        self._paths = {name: _absolute(path) for name, path in paths.items()}
        self._min_area = min_area
        self._across_structures = across_structures
        self._mask = None if mask is None else _absolute(mask)

    @classmethod
    def of(cls, options: SurfaceOptions, mask: str | None = None) -> Surfaces:
        """Take the options of a command, and read the surfaces.

        A mask of a volume is not for them.

        Raises
        ------
        UsageError
            Options that do not go together, or a file that cannot be used.
        """
        given = {
            f"{side}{what}": getattr(options, f"{side}{what}")
            for what in ("surface", "areas")
            for side in ("", "left_", "right_")
        }
        paths = {name: path for name, path in given.items() if path is not None}
        for what in ("surface", "areas"):
            if what in paths and {f"left_{what}", f"right_{what}"} & set(paths):
                msg = (
                    f"--{what} is for a map of one surface, --left-{what} and "
                    f"--right-{what} are for CIFTI files; give either"
                )
                raise UsageError(msg)
        with as_usage():
            check_not_negative(options.min_area, "--min-area")
        surfaces = cls(
            paths,
            options.min_area,
            across_structures=options.across_structures,
            mask=mask if is_surface_mask(options, mask) else None,
        )
        for name, path in surfaces._paths.items():
            with needing(path):
                if name.endswith("surface"):
                    _mesh_of(path)
                else:
                    from nithresh.surfaces.kinds import open_kind

                    # Not every call needs them, and a sidecar names them all the same.
                    open_kind(path, "areas")
        return surfaces

    def words(self) -> SurfaceWords:
        """Return what the library takes."""
        return SurfaceWords.checked(
            self._given("surface"),
            self._given("areas"),
            self._min_area,
            across_structures=self._across_structures,
        )

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of the library that say the same."""
        return {**self.words()._asdict(), "mask_img": self._mask}

    def are_for(self, path: str | Path) -> bool:
        """Whether an input is opened as a map of surfaces."""
        return bool(self._paths) or self._min_area > 0 or is_surface_map(path)

    def open(self, path: str | Path) -> OpenSurface:
        """Open an input."""
        from nithresh.surfaces.opened import OpenSurface

        return OpenSurface(path, self._mask, self.words(), raw=True)

    def made_of(self, path: str | Path) -> dict[str, Any]:
        """Say what an output was made of, by which options and versions."""
        return {
            "min_area_mm2": self._min_area,
            "across_structures": self._across_structures,
            "input": source(path),
            **self._sources,
            "versions": versions(),
        }

    @cached_property
    def _sources(self) -> dict[str, Any]:
        named = {name: source(path) for name, path in self._paths.items()}
        return {"mask": None if self._mask is None else source(self._mask), **named}

    def _given(self, what: str) -> Any:
        """Return what was named for one surface, or for both by side."""
        read = _mesh_of if what == "surface" else str
        if what in self._paths:
            return read(self._paths[what])
        sides = {
            side: read(self._paths[f"{side}_{what}"])
            for side in ("left", "right")
            if f"{side}_{what}" in self._paths
        }
        return sides or None


def is_surface_mask(options: SurfaceOptions, mask: str | None) -> bool:
    """Whether a mask is one of vertices."""
    return mask is not None and (is_surface_map(mask) or bool(options.surface_files))


def _absolute(path: str) -> str:
    return str(expanded(path).absolute())


def _mesh_of(path: str) -> Any:
    return _mesh(path, _stamp(path))


def _stamp(path: str) -> tuple[int, int]:
    """Return what changes when a file does."""
    status = os.stat(path)  # noqa: PTH116 - a path of text
    return status.st_mtime_ns, status.st_size


@lru_cache(maxsize=4)
def _mesh(path: str, stamp: tuple[int, int]) -> Any:
    """Read a surface, once in each process."""
    from nithresh.surfaces.mesh import open_mesh

    return open_mesh(path)
