"""The JSON file beside an output, which says what the output is.

It holds the checksum of each output that it tells of, and appears before them. So
whoever finds it beside another file, because a process was killed or because somebody
changed the file since, can tell that it is not about that one.
"""

import json
from collections.abc import Collection, Mapping
from enum import Enum, auto
from pathlib import Path
from typing import Any

from nithresh.files.atomic import Transaction, Turn
from nithresh.files.errors import TakenNameError
from nithresh.files.reading import sha256

_OUTPUTS = "Outputs"


class State(Enum):
    """What is there of outputs and their sidecars."""

    ABSENT = auto()
    # All of it, and the checksums are right.
    COMPLETE = auto()
    # Sidecars of ours that tell of other outputs than there are, or of some that are
    # missing: somebody was killed, or is at work.
    STALE = auto()
    # An output that no sidecar tells of, or a file that is no sidecar of ours.
    UNKNOWN = auto()


def write_sidecar(
    files: Transaction,
    path: Path,
    content: Mapping[str, Any],
    outputs: Collection[Path] | None = None,
) -> None:
    """Write a sidecar, which appears before the outputs that it tells of.

    Parameters
    ----------
    files : Transaction
        The outputs have been written to it.
    path : pathlib.Path
        Of the sidecar.
    content : mapping
        What it says of them.
    outputs : collection of pathlib.Path, optional
        Those that it tells of; all of the transaction if not given.

    Raises
    ------
    TakenNameError
        As :func:`check_own`.
    """
    told = [
        {"name": output.name, "sha256": checksum}
        for output, checksum in files.checksums().items()
        if outputs is None or output in outputs
    ]
    check_own(path, [output["name"] for output in told])
    text = json.dumps({**content, _OUTPUTS: told}, indent=2) + "\n"
    with files.open(path, Turn.FIRST) as stream:
        stream.write(text.encode())


def state(sidecars: Mapping[Path, Collection[Path]]) -> State:
    """Say what is there of outputs and their sidecars.

    Parameters
    ----------
    sidecars : mapping of pathlib.Path to collection of pathlib.Path
        The files that each sidecar should tell of.
    """
    outputs = [output for each in sidecars.values() for output in each]
    if not any(map(exists, (*sidecars, *outputs))):
        return State.ABSENT
    is_complete = True
    for sidecar, its_outputs in sidecars.items():
        told = checksums_in(sidecar)
        there = {path.name: path for path in its_outputs if exists(path)}
        if told is None and not (there or exists(sidecar)):
            is_complete = False
            continue
        if told is None or there.keys() - told.keys():
            return State.UNKNOWN
        is_complete &= len(there) == len(its_outputs) and all(
            told[name] == _checksum(path) for name, path in there.items()
        )
    return State.COMPLETE if is_complete else State.STALE


def check_own(sidecar: Path, outputs: Collection[str]) -> None:
    """Refuse to replace a file of JSON that is no sidecar of ours.

    Parameters
    ----------
    sidecar : pathlib.Path
        Where the sidecar is to be.
    outputs : collection of str
        The names of the files that it is to tell of.

    Raises
    ------
    TakenNameError
        Such a file is there.
    """
    # Of a link nothing is lost but the link.
    is_file = sidecar.is_file() and not sidecar.is_symlink()
    if is_file and not checksums_in(sidecar):
        msg = (
            f"{str(sidecar)!r} exists, and is no sidecar of nithresh; the JSON file of "
            f"{', '.join(outputs)} would replace it: choose another name"
        )
        raise TakenNameError(msg)


def says(sidecar: Path, content: Mapping[str, Any]) -> bool:
    """Whether a sidecar says this of its outputs, whatever their checksums are."""
    found = _content(sidecar)
    found.pop(_OUTPUTS, None)
    same: bool = found == json.loads(json.dumps(content))
    return same


def exists(path: Path) -> bool:
    """Whether there is something at a path, be it a link that leads to nothing."""
    return path.exists() or path.is_symlink()


def checksums_in(sidecar: Path) -> dict[str, str] | None:
    """Return the checksums that a sidecar holds; None if it is none of ours."""
    try:
        return {
            output["name"]: output["sha256"] for output in _content(sidecar)[_OUTPUTS]
        }
    except (KeyError, TypeError):
        return None


def _content(sidecar: Path) -> dict[str, Any]:
    """Return the content of a file of JSON; nothing if it is another file."""
    try:
        content = json.loads(sidecar.read_bytes()) if sidecar.is_file() else {}
    except (OSError, ValueError, RecursionError):
        content = {}
    return content if isinstance(content, dict) else {}


def _checksum(path: Path) -> str | None:
    return sha256(path) if path.is_file() else None
