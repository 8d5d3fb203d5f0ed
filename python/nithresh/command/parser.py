"""The parser of the whole command, made of those of its sub-commands."""

import argparse
import re
from collections.abc import Callable, Mapping
from typing import Any, Generic, NamedTuple, NoReturn, TypeVar

from nithresh import __version__
from nithresh.command.options import CommonOptions

Taken = TypeVar("Taken", bound=CommonOptions)

_CODES = """\
exit codes:
  0  everything is done
  1  a file failed; the others are done
  2  the command line is wrong; nothing is done
"""


class Subcommand(NamedTuple, Generic[Taken]):
    """A sub-command.

    Attributes
    ----------
    help : str
        What it does, in one line without a full stop.
    epilog : str
        What its help says in the end: an example to paste at least.
    add_words : callable
        Adds its words to a parser.
    options : type
        What its words are turned into.
    run : callable
        Does it, and returns the exit code. It imports what is slow to import, so that
        help comes at once.
    """

    help: str
    epilog: str
    add_words: Callable[[argparse.ArgumentParser], None]
    options: type[Taken]
    run: Callable[[Taken], int]


def whole_parser(subcommands: Mapping[str, Subcommand[Any]]) -> argparse.ArgumentParser:
    """Make the parser of the command."""
    whole = _Parser(
        prog="nithresh",
        description="Threshold brain statistical maps, keep or drop their clusters, "
        "and see the result.",
        epilog=example(
            "nithresh threshold nithresh-demo/motor.nii.gz -t 3 -k 50 -o kept.nii.gz"
        )
        + "\n'nithresh SUBCOMMAND --help' says more.\n\n"
        + _CODES,
    )
    whole.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    added = whole.add_subparsers(
        dest="subcommand",
        metavar="SUBCOMMAND",
        required=True,
        parser_class=_SubcommandParser,
    )
    for name, subcommand in subcommands.items():
        help_ = subcommand.help
        parser = added.add_parser(
            name,
            help=help_,
            description=f"{help_[0].upper()}{help_[1:]}.",
            epilog=subcommand.epilog,
        )
        # For errors that are found after parsing.
        parser.set_defaults(parser=parser)
        subcommand.add_words(parser)
    return whole


def example(command: str) -> str:
    """Show a command that works as pasted, on the map of the demo."""
    return f"example:\n  nithresh demo nithresh-demo\n  {command}\n"


def names_of_outputs(*, bids: str, other: str) -> str:
    """Say how outputs are named, with an example of each kind of name."""
    return f"""\
names of outputs:
  Outputs lie beside the input or in --output-dir. In BIDS names the step goes into the
  entity desc, and everything else is kept:
    {bids}
  Other names get a suffix:
    {other}
  Beside each output is a .json file of the same name. It says what the output was made
  of, by which rules, and which command makes it again.
"""


class _Parser(argparse.ArgumentParser):
    """A parser that takes all negative numbers for values."""

    def __init__(self, **words: object) -> None:
        super().__init__(
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
            **words,  # type: ignore[arg-type]
        )
        # argparse's own knows no exponents: -1e-3 would be an option.
        self._negative_number_matcher = re.compile(
            r"-(\d+\.?\d*|\.\d+)(e[-+]?\d+)?%?$|-inf$|-nan$", re.IGNORECASE
        )

    def error(self, message: str) -> NoReturn:
        """End with what is wrong, and where help is."""
        self.exit(2, f"{self.prog}: error: {message} (see {self.prog} --help)\n")


class _SubcommandParser(_Parser):
    """A parser that takes inputs on both sides of an option."""

    _is_mixing = False

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse what follows the name of the sub-command.

        Names that follow ``--`` and begin with a dash get ``./`` in front: argparse
        itself loses the ``--`` when it takes options and inputs in any order.
        """
        # The call below comes back to this method in some versions of Python.
        if self._is_mixing:
            return super().parse_known_args(args, namespace)
        before = list(args)
        after: list[str] = []
        if "--" in before:
            cut = before.index("--")
            before, after = before[:cut], before[cut + 1 :]
        after = [f"./{name}" if name.startswith("-") else name for name in after]
        self._is_mixing = True
        try:
            # In front, so that no option takes them for its values.
            words, unknown = self.parse_known_intermixed_args(
                [*after, *before], namespace
            )
        finally:
            self._is_mixing = False
        inputs = getattr(words, "inputs", None)
        if inputs is not None:
            words.inputs = inputs[len(after) :] + inputs[: len(after)]
        if unknown:
            # Here, because the parser of the whole does not know the sub-command.
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return words, unknown
