"""A title and named colors above an image."""

from collections.abc import Sequence

import cv2
import numpy as np

from perception_kd.structures import Color, Image

LINE_HEIGHT = 24  # px
_MARGIN = 6
_SWATCH = 14
_FONT, _SCALE, _INK = cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 0, 0)


def add_legend(image: Image, title: str, colors: Sequence[tuple[str, Color]] = ()) -> Image:
    """Return an image under a title and named colors, in as many lines as they need.

    Args:
        image: RGB, shape (H, W, 3).
        title: One line, shrunk where it is too wide.
        colors: Name and color of each entry, left to right.
    """
    width = image.shape[1]
    lines = [_title(title, width)]
    place = width
    for text, color in colors:
        taken = _SWATCH + 2 * _MARGIN + _text_width(text)
        if place + taken > width:
            lines.append(_blank(width))
            place = 0
        left, top = place + _MARGIN, (LINE_HEIGHT - _SWATCH) // 2
        lines[-1][top : top + _SWATCH, left : left + _SWATCH] = color
        _write(lines[-1], text, left + _SWATCH + _MARGIN // 2, _SCALE)
        place += taken + _MARGIN
    return np.concatenate([*lines, image])


def _title(text: str, width: int) -> Image:
    line = _blank(width)
    _write(line, text, _MARGIN, min(_SCALE, _SCALE * (width - 2 * _MARGIN) / _text_width(text)))
    return line


def _blank(width: int) -> Image:
    return np.full((LINE_HEIGHT, width, 3), 255, np.uint8)


def _text_width(text: str) -> int:
    return max(1, cv2.getTextSize(text, _FONT, _SCALE, 1)[0][0])


def _write(line: Image, text: str, column: int, scale: float) -> None:
    cv2.putText(line, text, (column, LINE_HEIGHT - 8), _FONT, scale, _INK, 1, cv2.LINE_AA)
