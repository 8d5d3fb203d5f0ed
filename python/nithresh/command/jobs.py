"""Jobs: the inputs of a command, and the files that are made of each."""

import os
import sys
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nithresh._own_files import OwnFiles
from nithresh._paths import expanded
from nithresh.command.errors import UsageError, already_exists, as_usage, needing
from nithresh.command.names import image_beside, sidecar_of
from nithresh.command.options import (
    ImageOutputOptions,
    InputOptions,
    MaskOption,
    SurfaceOptions,
)
from nithresh.command.surfaces import is_surface_mask
from nithresh.files import check_extension, files_of
from nithresh.files.atomic import IfExists, check_place
from nithresh.files.sidecars import State, check_own, checksums_in, exists, state
from nithresh.masks import Mask


@dataclass(frozen=True, slots=True)
class Job:
    """An input and what is made of it: none, one or more files."""

    source: str
    outputs: tuple[Path, ...] = ()
    # Where relative paths begin, if not in the working directory.
    folder: Path | None = None
    if_exists: IfExists = IfExists.FAIL

    def at(self, path: str | Path) -> str | Path:
        """Return where a path of this job leads, from any process."""
        return path if self.folder is None else self.folder / expanded(path)

    @property
    def sidecars(self) -> dict[Path, list[Path]]:
        """The sidecars, and the files that each tells of.

        Outputs that differ only by their extension share one.
        """
        sidecars: dict[Path, list[Path]] = {}
        for output in self.outputs:
            path = Path(self.at(output))
            sidecars.setdefault(sidecar_of(path), []).extend(files_of(path))
        return sidecars

    def is_left_out(self) -> bool:
        """Whether there is nothing to do.

        Raises
        ------
        OSError
            There is no folder for an output, or it exists and may not be replaced, or
            a file that is not ours has the name of a sidecar.
        ValueError
            What is there is not a file.
        """
        found, skips = State.ABSENT, self.if_exists is IfExists.SKIP
        if skips:
            found = state(self.sidecars)
            if self.outputs and found is State.COMPLETE:
                return True
        for sidecar, files in self.sidecars.items():
            for path in (*files, sidecar):
                if not path.parent.is_dir():
                    msg = f"cannot write {str(path)!r}: there is no such folder"
                    raise OSError(msg)
                check_place(path)
                is_kept = self.if_exists is IfExists.FAIL or found is State.UNKNOWN
                others: list[str] = []
                if path == sidecar:
                    check_own(path, [file.name for file in files])
                    others = _others(path, files)
                if exists(path) and (is_kept or (others and skips)):
                    raise already_exists(path, tells_of=others)
        return False


def _others(sidecar: Path, files: Collection[Path]) -> list[str]:
    """Return the files that are there and of which a sidecar tells, without these."""
    names = {file.name for file in files}
    told = checksums_in(sidecar) or {}
    return [
        name for name in told if name not in names and exists(sidecar.parent / name)
    ]


class SharedMask(Mask):
    """A mask that other processes read from its file, each once."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._path = expanded(path).absolute()

    def __reduce__(self) -> Any:
        return _shared_mask, (self._path, self.source)


def inputs_of(options: InputOptions) -> list[str]:
    """Return the paths of all inputs, those of a list included."""
    inputs = list(options.inputs)
    if options.from_file is not None:
        inputs += _listed(options.from_file)
    if not inputs:
        msg = "no input: IN or --from-file LIST is needed"
        raise UsageError(msg)
    return inputs


def _listed(path: str) -> list[str]:
    try:
        content = (
            sys.stdin.buffer.read() if path == "-" else expanded(path).read_bytes()
        )
    except OSError as error:
        msg = f"--from-file {path}: {error.strerror}"
        raise UsageError(msg) from error
    return [os.fsdecode(line) for line in content.splitlines() if line.strip()]


def only_output_of(inputs: Sequence[str], option: str, output: str) -> Path:
    """Return the output that was named for a single input."""
    if len(inputs) > 1:
        msg = f"{option} names one file for {len(inputs)} inputs; use --output-dir"
        raise UsageError(msg)
    return expanded(output)


def image_jobs(
    options: ImageOutputOptions, inputs: Sequence[str], what: str
) -> list[Job]:
    """Give each input the name of the image that is made of it.

    Parameters
    ----------
    options : ImageOutputOptions
    inputs : sequence of str
    what : str
        What is done to them, in one word.
    """
    if options.output is not None:
        output = only_output_of(inputs, "-o", options.output)
        with as_usage():
            check_extension(output, "-o")
        return [Job(inputs[0], (output,))]
    return [
        Job(source, (image_beside(source, options.output_dir, what),))
        for source in inputs
    ]


def open_mask(options: MaskOption) -> SharedMask | None:
    """Read the mask, once for all files; None if it is one of vertices."""
    if options.mask is None or (
        isinstance(options, SurfaceOptions) and is_surface_mask(options, options.mask)
    ):
        return None
    with needing(options.mask):
        return SharedMask(Path(options.mask))


_shared_masks: dict[Path, SharedMask] = {}


def _shared_mask(path: Path, source: Any) -> SharedMask:
    """Read a mask again only if its file has changed."""
    mask = _shared_masks.get(path)
    if mask is None or mask.source != source:
        # Only the last one: a worker may live for long.
        _shared_masks.clear()
        mask = _shared_masks[path] = SharedMask(path)
    return mask


def check_files(jobs: Sequence[Job], also_read: Iterable[str] = ()) -> None:
    """Refuse jobs if one would write over a file that another reads or writes.

    Parameters
    ----------
    jobs : sequence of Job
    also_read : iterable of str
        Files that are read for all jobs.
    """
    files = OwnFiles()
    with as_usage():
        for path in (*also_read, *(job.source for job in jobs)):
            files.add_input(path)
        for job in jobs:
            for output in (*job.outputs, *job.sidecars):
                files.add_output(output)
