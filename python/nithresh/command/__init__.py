# PYTHON_ARGCOMPLETE_OK
"""The command ``nithresh``: a thin layer over the calls of the same names.

``main`` parses, runs the sub-command, and turns what goes wrong into lines and an exit
code. Each sub-command is a file: its words, its options and its run. What is slow to
import, such as NumPy, is imported in the run, so that help comes at once.
"""

import gc
import io
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nithresh.command import (
    clusters,
    demo,
    errors,
    info,
    permute,
    plot,
    report,
    tfce,
    threshold,
    view,
)
from nithresh.command.errors import (
    NeededFileError,
    UsageError,
    forget_output,
)
from nithresh.command.parser import Subcommand, whole_parser

#: In the order of the help.
SUBCOMMANDS: dict[str, Subcommand[Any]] = {
    "threshold": threshold.SUBCOMMAND,
    "clusters": clusters.SUBCOMMAND,
    "tfce": tfce.SUBCOMMAND,
    "permute": permute.SUBCOMMAND,
    "plot": plot.SUBCOMMAND,
    "view": view.SUBCOMMAND,
    "report": report.SUBCOMMAND,
    "info": info.SUBCOMMAND,
    "demo": demo.SUBCOMMAND,
}


def main(args: Sequence[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    args : sequence of str, optional
        What follows the name of the command; ``sys.argv`` if not given.

    Returns
    -------
    int
        0; 1 if a file failed. A command line that cannot be understood ends the
        process with 2.
    """
    _open_streams()
    whole = whole_parser(SUBCOMMANDS)
    if "_ARGCOMPLETE" in os.environ:
        # A shell asks what may follow; this prints it and ends the process.
        import argcomplete

        argcomplete.autocomplete(whole)
    if not (sys.argv[1:] if args is None else args):
        whole.print_help(sys.stderr)
        sys.exit(2)
    words = vars(whole.parse_args(args))
    subcommand, parser = SUBCOMMANDS[words.pop("subcommand")], words.pop("parser")
    options = subcommand.options(**words)
    # File names may not be text in the encoding of the terminal. A notebook has none.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="surrogateescape")
    try:
        with _stopped_by(signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)):
            # What is imported stays: nobody looks for garbage before the first file is
            # done.
            gc.disable()
            code = subcommand.run(options)
            sys.stdout.flush()
    except UsageError as error:
        parser.error(str(error))
    except KeyboardInterrupt as stop:
        number = stop.number if isinstance(stop, _Stop) else signal.SIGINT
        what = "interrupted" if number == signal.SIGINT else "terminated"
        print(f"nithresh: {what}", file=sys.stderr)
        # As a process that does not catch the signal, so that a shell's loop ends.
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
        return 128 + number
    except NeededFileError as failure:
        errors.report(failure.path, failure.error, debug=options.debug)
        return 1
    except BrokenPipeError:
        # The reader of the output has stopped reading.
        forget_output()
        return 1
    except Exception as error:
        errors.report(None, error, debug=options.debug)
        forget_output()
        return 1
    finally:
        gc.enable()
    return code


def _open_streams() -> None:
    """Stand in for standard streams that were closed before the start."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode))  # noqa: SIM115 - to stay


class _Stop(KeyboardInterrupt):
    """A signal that ends the command as Ctrl-C does."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@contextmanager
def _stopped_by(*numbers: int) -> Iterator[None]:
    """End in good order by signals that would kill this process."""

    def stop(number: int, _: object) -> None:
        raise _Stop(number)

    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may say what signals do
        return
    taken = [n for n in set(numbers) if signal.getsignal(n) is signal.SIG_DFL]
    for number in taken:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, signal.SIG_DFL)
