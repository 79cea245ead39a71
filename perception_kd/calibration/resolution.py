"""Errors of a calibration that its images would show."""

from collections.abc import Mapping

import numpy as np

from perception_kd.calibration.comparison import MotionComparison, find_doubt
from perception_kd.calibration.motions import AMOUNTS, AXES, Motion

LIKELY = 0.05  # largest doubt about bounds of an error, and further parts of it
LARGEST_SHOWN = 2.0  # degrees: turns that must show where something seems wrong


def find_shown(comparison: MotionComparison, doubt: float) -> dict[str, float]:
    """Return the smallest amount per kind and axis of which both signs fit worse.

    Args:
        comparison: Gains around a calibration.
        doubt: Largest probability that a motion fits worse by chance.
    """
    shown = {}
    for kind, amounts in AMOUNTS.items():
        for axis in range(3):
            for amount in reversed(amounts):
                motions = [Motion(kind, axis, sign * amount) for sign in (-1, 1)]
                if any(find_doubt(-comparison.gains[x]) > doubt for x in motions):
                    break
                shown[f"{kind} {AXES[axis]}"] = amount
    return shown


def is_peak(shows: Mapping[str, float], turn: float) -> bool:
    """Return whether such turns in degrees about both axes of the image would show.

    Args:
        shows: Smallest amounts that would, from :func:`find_shown`.
        turn: In degrees.
    """
    return all(shows.get(f"turn {axis}", np.inf) <= turn for axis in "xy")


def list_shown(shows: Mapping[str, float]) -> str:
    """Return words such as "turns of 1, 0.5 degrees about x, y would show".

    Args:
        shows: From :func:`find_shown`, with a turn.
    """
    turns = {name[-1]: f"{x:g}" for name, x in shows.items() if name.startswith("turn")}
    shifts = {name[-1]: f"{100 * x:g}" for name, x in shows.items() if name.startswith("shift")}
    text = f"turns of {', '.join(turns.values())} degrees about {', '.join(turns)}"
    if shifts:
        text += f" and shifts of {', '.join(shifts.values())} cm along {', '.join(shifts)}"
    return text


def list_hidden(shows: Mapping[str, float]) -> str:
    """Return what could be wrong unseen, such as "smaller ones; shifts along y, z".

    Args:
        shows: From :func:`find_shown`.
    """
    words = {"turn": "turns about", "shift": "shifts along"}
    hidden = ["smaller ones"]
    for kind, word in words.items():
        if axes := [axis for axis in AXES if f"{kind} {axis}" not in shows]:
            hidden.append(f"{word} {', '.join(axes)}")
    return "; ".join(hidden)


def has_turn(shows: Mapping[str, float]) -> bool:
    """Return whether any turn would show.

    Args:
        shows: From :func:`find_shown`.
    """
    return any(name.startswith("turn") for name in shows)
