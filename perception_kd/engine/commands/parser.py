"""The parser of the command-line tools."""

import argparse
import difflib
import re
from collections.abc import Iterator
from typing import NoReturn


class ToolParser(argparse.ArgumentParser):
    """A parser that answers a misspelled option with the nearest one.

    Its arguments are those of :class:`argparse.ArgumentParser`; parsers of commands of
    a tool are of this class, too.
    """

    def error(self, message: str) -> NoReturn:
        """Print the usage and an error, with what was perhaps meant; exit with 2."""
        found = re.fullmatch(r"unrecognized arguments: (.*)", message, re.DOTALL)
        words = found[1].split() if found else []
        known = list(_list_options(self))
        for word in words:
            close = difflib.get_close_matches(word.partition("=")[0], known, n=1)
            if word.startswith("-") and close:
                message += f"; for {word}, did you mean {close[0]}?"
        super().error(message)


def _list_options(parser: argparse.ArgumentParser) -> Iterator[str]:
    """Yield the options of a parser and of its commands."""
    for action in parser._actions:
        yield from action.option_strings
        commands = action.choices if isinstance(action, argparse._SubParsersAction) else {}
        for command in commands.values():
            yield from _list_options(command)
