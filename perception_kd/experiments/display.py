"""Tells a reader of the terminal which stage runs, how far it is and since when."""

import shutil
import time
from typing import TextIO

# Between two lines of progress where lines cannot be overwritten, such as in a log.
_PERIOD_S = 30.0
_INDENT = " " * 8


class Display:
    """Writes to a terminal, where progress is one line, or to a file.

    Args:
        stream: Where to write.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._on_terminal = stream.isatty()
        self._overwrites = False
        self._last_s = 0.0

    def heading(self, number: int, total: int, about: str) -> None:
        """Tell that a stage begins."""
        self._last_s = time.monotonic()
        self._write(f"\n{f'[{number}/{total}]':8}{about}\n")

    def command(self, text: str) -> None:
        """Tell what is run."""
        self._write(f"{_INDENT}$ {text}\n")

    def line(self, text: str) -> None:
        """Tell something else of the stage."""
        self._write(f"{_INDENT}{text}\n")

    def text(self, text: str) -> None:
        """Tell something that is of no stage."""
        self._write(f"{text}\n")

    def progress(self, told: str, seconds: float) -> None:
        """Tell how far a stage is.

        Args:
            told: What its command said last; may be empty.
            seconds: How long it has run.
        """
        text = _INDENT + format_seconds(seconds) + (f"  {told}" if told else "")
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


def format_seconds(seconds: float) -> str:
    """Return a time as minutes and seconds.

    Example:
        >>> format_seconds(61.7), format_seconds(4.2)
        ('1:02', '0:04')
    """
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}"
