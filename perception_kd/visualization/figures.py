"""Figures of matplotlib as files."""

from io import BytesIO
from pathlib import Path

from matplotlib.figure import Figure

from perception_kd.io.atomic import write_whole

_DPI = 110


def write_figure(figure: Figure, path: str | Path) -> None:
    """Write a figure as a PNG file, whole or not at all.

    matplotlib itself would follow a symbolic link of that name out of the folder.

    Args:
        figure: The figure.
        path: File to write, in a folder that exists.
    """
    file = BytesIO()
    figure.savefig(file, dpi=_DPI, format="png")
    write_whole(path, file.getvalue())
