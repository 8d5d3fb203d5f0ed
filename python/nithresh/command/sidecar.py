"""The outputs of a job, and the sidecars that say how to make them again."""

import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nithresh._choices import finite, source, versions
from nithresh.command.errors import already_exists, naming
from nithresh.command.jobs import Job
from nithresh.files.atomic import IfExists, Transaction
from nithresh.files.sidecars import State, exists, says, state, write_sidecar
from nithresh.masks import Mask


def command_line(
    subcommand: str, source: str | list[str], options: Mapping[str, Any]
) -> str:
    """Write the command that makes the outputs of some inputs, and no others.

    Options that are None, False or empty are left out. Options that change no byte of
    an output, such as --jobs, are not passed. A list is several values of one
    option, a tuple the values of an option that is repeated.

    Examples
    --------
    >>> options = {"-t": -2.0, "-k": 10, "--one-sided": True, "--mask": None}
    >>> command_line("threshold", "my map.nii", options)
    "nithresh threshold 'my map.nii' -t -2 -k 10 --one-sided"
    >>> command_line("threshold", "./-1.nii", {"-t": -1e-9, "-o": "-2.nii"})
    'nithresh threshold ./-1.nii -t -1e-09 -o=-2.nii'
    """
    sources = [source] if isinstance(source, str) else source
    parts = ["nithresh", subcommand, *sources]
    for name, value in options.items():
        if value is None or value is False or value == []:
            continue
        if value is True:
            parts.append(name)
        elif isinstance(value, list):
            parts.extend([name, *map(_text, value)])
        else:
            for one in value if isinstance(value, tuple) else (value,):
                parts.extend(_option(name, one))
    return shlex.join(parts)


def _option(name: str, value: Any) -> list[str]:
    text = _text(value)
    # What begins with a dash and is not a number would be taken for an option.
    is_dashed = text.startswith("-") and not isinstance(value, (int, float))
    return [f"{name}={text}"] if is_dashed else [name, text]


def _text(value: Any) -> str:
    return str(value).removesuffix(".0") if isinstance(value, float) else str(value)


def made_of(path: str | Path, mask: Mask | None) -> dict[str, Any]:
    """Say what an output was made of, and by which versions."""
    return {
        "input": source(path),
        "mask": None if mask is None else mask.source,
        "versions": versions(),
    }


@contextmanager
def saving(
    job: Job,
    description: str,
    command: str,
    choices: Mapping[str, Any],
    columns: Mapping[Path, Mapping[str, Any]] | None = None,
) -> Iterator[Transaction]:
    """Save the outputs of a job, each with its sidecar.

    Nothing appears before all of it is complete. Sidecars are in the words of BIDS.

    Parameters
    ----------
    job : Job
        Its outputs are written to the transaction that this gives.
    description, command, choices
        What the sidecars say.
    columns : mapping, optional
        What the columns of a table are, for the sidecar of the table.

    Raises
    ------
    OSError
        A file cannot be written, or exists and may not be replaced.
    """
    contents = {
        sidecar: {
            "Description": description,
            "CommandLine": command,
            **(columns or {}).get(sidecar, {}),
            "Choices": finite(choices),
        }
        for sidecar in job.sidecars
    }
    with Transaction() as files:
        yield files
        with naming():
            for sidecar, outputs in job.sidecars.items():
                write_sidecar(files, sidecar, contents[sidecar], outputs)
            try:
                files.commit(lambda: _what_to_do(job, contents))
            except FileExistsError as error:
                raise already_exists(error.filename) from error


def _what_to_do(job: Job, contents: Mapping[Path, Mapping[str, Any]]) -> IfExists:
    """Decide about files that have come since the work began."""
    if job.if_exists is IfExists.REPLACE:
        return IfExists.REPLACE
    found = state(job.sidecars)
    if found is State.ABSENT:
        return IfExists.FAIL
    if job.if_exists is IfExists.FAIL and not all(
        says(sidecar, content)
        for sidecar, content in contents.items()
        if exists(sidecar)
    ):
        return IfExists.FAIL
    # By any command if --skip-existing was given. Otherwise by the same one, or by
    # a worker that had this job and died before it could say that it was done.
    if found is State.COMPLETE:
        return IfExists.SKIP
    return IfExists.REPLACE if found is State.STALE else IfExists.FAIL
