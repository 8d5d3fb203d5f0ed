"""The file beside an output: all that is needed to make it again."""

import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nithresh import nifti
from nithresh._choices import finite, versions
from nithresh.batch import Mask
from nithresh.command.errors import naming
from nithresh.files import save_text


def command_line(subcommand: str, source: str, options: Mapping[str, Any]) -> str:
    """Write the command that makes the outputs of one input, and no others.

    Options that are None, False or empty are left out. Those that change no byte of an
    output, such as --jobs, are none of its business.

    Examples
    --------
    >>> options = {"-t": -2.0, "-k": 10, "--one-sided": True, "--mask": None}
    >>> command_line("threshold", "my map.nii", options)
    "nithresh threshold 'my map.nii' -t -2 -k 10 --one-sided"
    """
    parts = ["nithresh", subcommand, source]
    for name, value in options.items():
        if value is None or value is False or value == []:
            continue
        parts.append(name)
        if isinstance(value, list):
            parts.extend(map(_text, value))
        elif value is not True:
            parts.append(_text(value))
    return shlex.join(parts)


def _text(value: Any) -> str:
    return str(value).removesuffix(".0") if isinstance(value, float) else str(value)


def made_of(source: str | Path, mask: Mask | None) -> dict[str, Any]:
    """Say what an output was made of, and by which versions."""
    return {
        "input": nifti.source(source),
        "mask": None if mask is None else mask.source,
        "versions": versions(),
    }


def save_sidecar(
    path: Path,
    description: str,
    command: str,
    choices: Mapping[str, Any],
    columns: Mapping[str, Any] | None = None,
) -> None:
    """Write a sidecar in the words of BIDS; `columns` describes those of a table."""
    content = {
        "Description": description,
        "CommandLine": command,
        **(columns or {}),
        "Choices": finite(choices),
    }
    with naming(path):
        save_text(json.dumps(content, indent=2) + "\n", path)
