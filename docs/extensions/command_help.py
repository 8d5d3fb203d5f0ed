"""A directive that shows the help of the command as the command prints it.

::

    .. command-help:: threshold
"""

import os
import subprocess
import sys

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

_PROGRAM = "from nithresh.command import main; main()"


class CommandHelp(SphinxDirective):
    """The help of a sub-command; without an argument that of the whole command."""

    optional_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Run the command."""
        words = [*self.arguments, "--help"]
        done = subprocess.run(
            [sys.executable, "-c", _PROGRAM, *words],
            check=True,
            capture_output=True,
            text=True,
            env={**os.environ, "COLUMNS": "88"},
        )
        text = f"$ nithresh {' '.join(words)}\n{done.stdout}"
        return [nodes.literal_block(text, text, language="text")]


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the directive."""
    app.add_directive("command-help", CommandHelp)
    return {"parallel_read_safe": True}
