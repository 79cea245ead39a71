"""Progress of a command, parsed from the lines it writes."""

import os
import re
from pathlib import Path

# A line of tqdm, such as "samples:  45%|####   | 54/120 [00:03<00:04, 14.9it/s]".
_BAR = re.compile(r"(\d+)%\|.*\| *([\d.]+\w?)/([\d.]+\w?) \[[^<]*<([^,\]]+)")
# A line of mmengine's logger, such as "Epoch(train) [3][20/48]  lr: 5.2e-03  ...".
_EPOCH = re.compile(r"Epoch\((train|val|test)\) +(?:\[(\d+)\])?\[ *(\d+)/(\d+)\]")
_LEFT = re.compile(r"eta: ([\d:]+)")
_LOSS = re.compile(r"\bloss: ([\d.]+|nan|inf)")


def read_progress(line: str) -> str:
    """Return the progress reported in a line, in short; empty where there is none.

    Args:
        line: Output of tqdm or of mmengine's logger.

    Example:
        >>> read_progress("samples:  45%|####  | 54/120 [00:03<00:04, 14.9it/s]")
        '54 of 120, 00:04 left'
        >>> read_progress("Epoch(train) [3][20/48]  eta: 0:04:28  loss: 5.0851")
        'epoch 3, step 20 of 48, loss 5.0851, 0:04:28 left'
    """
    bar = _BAR.search(line)
    if bar:
        _, done, total, left = bar.groups()
        return f"{done} of {total}, {left.strip()} left"
    step = _EPOCH.search(line)
    if not step:
        return ""
    kind, epoch, done, total = step.groups()
    parts = [f"epoch {epoch}"] if kind == "train" else ["evaluating"]
    parts.append(f"step {done} of {total}")
    parts += [f"loss {loss}" for loss in _LOSS.findall(line)[:1]]
    parts += [f"{left} left" for left in _LEFT.findall(line)[:1]]
    return ", ".join(parts)


class LogReader:
    """Reads the progress of a command from the lines that it adds to a log.

    Args:
        log: The file, which is created if it is missing.
    """

    def __init__(self, log: Path) -> None:
        log.parent.mkdir(parents=True, exist_ok=True)
        log.touch()
        self._file = log.open("rb")
        self._progress = ""

    def skip(self) -> None:
        """Read on from the present end of the log."""
        self._file.seek(0, os.SEEK_END)

    def progress(self) -> str:
        """Return the latest progress, in short; may be empty."""
        lines = re.split(r"[\r\n]", self._file.read().decode("utf-8", errors="replace"))
        found = next((text for text in map(read_progress, reversed(lines)) if text), "")
        self._progress = found or self._progress
        return self._progress

    def close(self) -> None:
        """Close the log."""
        self._file.close()
