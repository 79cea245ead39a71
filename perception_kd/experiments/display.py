"""Shows in the terminal which stage runs, its progress, and the time it takes."""

import shutil
import time
from typing import TextIO

# Seconds between two lines of progress where lines cannot be overwritten, as in a log.
_PERIOD_S = 30.0
_INDENT = " " * 8


class Display:
    """Writes to a terminal, where progress stays on one line, or to a file.

    Args:
        stream: The terminal or file.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._on_terminal = stream.isatty()
        self._overwrites = False
        self._last_s = 0.0

    def heading(self, number: int, total: int, about: str) -> None:
        """Write that a stage begins."""
        self._last_s = time.monotonic()
        self._write(f"\n{f'[{number}/{total}]':8}{about}\n")

    def command(self, text: str) -> None:
        """Write the command of the stage."""
        self._write(f"{_INDENT}$ {text}\n")

    def line(self, text: str) -> None:
        """Write another line about the stage."""
        self._write(f"{_INDENT}{printable(text)}\n")

    def text(self, text: str) -> None:
        """Write a text that belongs to no stage."""
        self._write(f"{text}\n")

    def progress(self, latest: str, seconds: float) -> None:
        """Write the progress of a stage.

        Args:
            latest: Latest progress of its command; may be empty.
            seconds: Time it has been running, in s.
        """
        text = _INDENT + format_seconds(seconds) + (f"  {printable(latest)}" if latest else "")
        if self._on_terminal:
            width = shutil.get_terminal_size().columns - 1
            self._stream.write(f"\r{text[:width]:{width}}")
            self._overwrites = True
            self._stream.flush()
        elif time.monotonic() - self._last_s > _PERIOD_S:
            self._last_s = time.monotonic()
            self._write(f"{text}\n")

    def _write(self, text: str) -> None:
        if self._overwrites:
            width = shutil.get_terminal_size().columns - 1
            self._stream.write(f"\r{'':{width}}\r")
            self._overwrites = False
        self._stream.write(text)
        self._stream.flush()


def printable(text: str) -> str:
    r"""Replace characters that a terminal would obey, such as escape sequences.

    Example:
        >>> printable("scene\x1b[2J one")
        'scene?[2J one'
    """
    return "".join(c if c.isprintable() or c in "\n\t" else "?" for c in text)


def format_seconds(seconds: float) -> str:
    """Format a time as minutes and seconds.

    Example:
        >>> format_seconds(61.7), format_seconds(4.2)
        ('1:02', '0:04')
    """
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}"
