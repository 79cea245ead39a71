"""Names of sensors in names of files, folders and keys."""

import re
from collections.abc import Sequence

_CAMERA_WORDS = {"cam", "camera", "image", "images", "img"}
# KITTI's "P2" and "P_rect_02", or "K1" in other files.
_OF_NUMBER = re.compile(r"(?:^|[^a-z])[pk](?:_?rect)?_?0*(\d+)$")


def split_words(text: str) -> tuple[str, ...]:
    """Return the words and numbers of a name in lower case.

    Words for a camera become "cam", and numbers lose their zeros, so that "image_02",
    "camera2" and "Cam 2" are the same.

    Args:
        text: A name, path or key, such as "calib/frontLeft.json K".
    """
    words = []
    for part in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_]+|\d+", text):
        word = part.lower().lstrip("0") or "0" if part.isdecimal() else part.lower()
        words.append("cam" if word in _CAMERA_WORDS else word)
    if match := _OF_NUMBER.search(text.lower()):
        words += ["cam", match[1]]
    return tuple(words)


def rate_match(text: str, names: Sequence[str], others: Sequence[str]) -> int:
    """Return how well a text names a sensor.

    Args:
        text: A path and a key.
        names: Names of the sensor.
        others: Names of others of its kind.

    Returns:
        Number of words of the longest of its names in the text; 0 if no name is there,
        and -1 if it names another sensor as well or better.
    """
    words = split_words(text)
    own, other = (_longest_match(words, group) for group in (names, others))
    return own if own > other else -1 if other else 0


def _longest_match(words: tuple[str, ...], names: Sequence[str]) -> int:
    longest = 0
    for name in names:
        wanted = split_words(name)
        places = range(len(words) - len(wanted) + 1)
        if wanted and any(words[i : i + len(wanted)] == wanted for i in places):
            longest = max(longest, len(wanted))
    return longest
