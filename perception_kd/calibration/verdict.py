"""A verdict on the calibration of a camera."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from perception_kd.calibration.agreement import CameraFrame, FramePairs
from perception_kd.calibration.comparison import MotionComparison, find_doubt
from perception_kd.calibration.mixups import Mixup, find_mixup
from perception_kd.calibration.motions import AXES, Motion, is_large
from perception_kd.calibration.resolution import (
    LARGEST_SHOWN,
    LIKELY,
    find_shown,
    has_turn,
    is_peak,
    list_hidden,
    list_shown,
)
from perception_kd.geometry.rigid import invert_rigid
from perception_kd.structures import Array

_MIN_PAIRS = 300  # per image, on average
_SURE = 0.01  # largest doubt about an error that is reported
_SURE_ALONG = 0.003  # the same for shifts along the optical axis
_SHOWN = 0.02  # largest doubt about an error that would show
_SMALLEST_SHOWN = 1.0  # degrees: turns that must show where nothing seems wrong
_MAX_ROUNDS = 3  # of searches for further parts of an error


@dataclass(frozen=True)
class CameraVerdict:
    """Verdict of images and points on the calibration of one camera.

    Attributes:
        camera: Name of the camera.
        text: The verdict in words.
        errors: Parts of the error that the calibration seems to have, largest first;
            none if it seems right, or the images do not show it.
        is_decided: Whether the images show that the calibration is right or wrong.
        doubt: Probability that chance alone looks like the error, in [0, 1]; 1 if none.
        correction: Motion of points in camera coordinates that fits best; the corrected
            ``lidar2cam`` is ``correction @ lidar2cam``, shape (4, 4).
        shows: Smallest turn and shift per axis that would show, by name.
        num_frames: Number of images compared.
        mixup: The inverse or another camera's calibration, if that fits instead.
        advice: What to do about it, with file and field; empty if it is not known.
        share: Share of the points in front that fall on the first image; 0 if it was
            not counted.
    """

    camera: str
    text: str
    errors: tuple[Motion, ...] = ()
    is_decided: bool = False
    doubt: float = 1.0
    correction: Array = field(default_factory=lambda: np.eye(4))
    shows: Mapping[str, float] = field(default_factory=dict)
    num_frames: int = 0
    mixup: Mixup | None = None
    advice: str = ""
    share: float = 0.0

    @property
    def is_inverted(self) -> bool:
        """True if the extrinsics are certainly those of the other direction."""
        return self.mixup is not None and not self.mixup.camera and self.mixup.is_certain

    @property
    def line(self) -> str:
        """The verdict in one line that names the camera."""
        return f"{self.camera}: {self.text}"

    @property
    def json(self) -> dict[str, Any]:
        """The verdict as plain data."""
        return {
            "camera": self.camera,
            "verdict": self.text,
            "errors": [motion._asdict() | {"axis": AXES[motion.axis]} for motion in self.errors],
            "doubt": round(self.doubt, 5),
            "correction": self.correction.tolist(),
            "shows": dict(self.shows),
            "num_frames": self.num_frames,
            "instead": None if self.mixup is None else self.mixup.camera or "inverse",
            "advice": self.advice,
        }


def judge_calibration(frames: Iterable[CameraFrame]) -> list[CameraVerdict]:
    """Judge the calibration of each camera.

    A camera of which nothing shows that it is right is also compared with its inverse,
    and against the calibrations of other such cameras: that of a camera which is right
    cannot belong to another one.

    Args:
        frames: Images with points, a few per camera, in any order. Only what is
            compared stays in memory.

    Returns:
        A verdict per camera, in the order of their first images.
    """
    of_cameras: dict[str, list[FramePairs]] = {}
    for frame in frames:
        of_cameras.setdefault(frame.camera, []).append(FramePairs(frame))
    verdicts = [_judge_alone(camera, compared) for camera, compared in of_cameras.items()]
    open_ones = [x.camera for x in verdicts if x.errors or not x.is_decided]
    return [_find_other(x, of_cameras, open_ones) if x.camera in open_ones else x for x in verdicts]


def _find_other(
    verdict: CameraVerdict,
    of_cameras: Mapping[str, Sequence[FramePairs]],
    open_ones: Sequence[str],
) -> CameraVerdict:
    """Return the verdict on a camera that another calibration may fit."""
    camera = verdict.camera
    mixup = find_mixup(of_cameras[camera], {x: of_cameras[x] for x in open_ones if x != camera})
    if mixup is None:
        return verdict
    first = of_cameras[camera][0].frame
    what = f"like the calibration of {mixup.camera}" if mixup.camera else "inverted"
    return replace(
        verdict,
        text=f"looks {what} ({mixup.reason})",
        errors=(),
        is_decided=True,
        doubt=mixup.doubt,
        correction=mixup.lidar2cam @ invert_rigid(first.lidar2cam),
        mixup=mixup,
    )


def _judge_alone(camera: str, compared: Sequence[FramePairs]) -> CameraVerdict:
    """Compare a calibration with small turns and shifts of it."""
    count = len(compared)
    num_pairs = sum(frame_pairs.num_pairs for frame_pairs in compared)
    if num_pairs < _MIN_PAIRS * count:
        text = f"cannot tell (too few points on the image: {num_pairs // count} pairs)"
        return CameraVerdict(camera, text, num_frames=count)
    comparison = MotionComparison(compared, np.eye(4))
    best = comparison.find_best()
    doubt = find_doubt(comparison.gains[best])
    is_suspicious = doubt < _SURE and is_large(best)
    if is_suspicious:
        parts, correction, corrected = _correct(compared, best)
        # Noise prefers some motion, too, but fits as well with others around that.
        if is_peak(find_shown(corrected, LIKELY), LARGEST_SHOWN):
            text, errors = _describe_errors(comparison, best, parts)
            text += _describe_doubt(doubt)
            return CameraVerdict(camera, text, errors, True, doubt, correction, {}, count)
    shows = find_shown(comparison, _SHOWN)
    along = comparison.find_best(in_sight=False)
    is_decided = not is_suspicious and is_peak(shows, _SMALLEST_SHOWN)
    text = f"cannot tell (too little structure in {count} image{'s' * (count != 1)}"
    text += f"; only {list_shown(shows)} would show)" if has_turn(shows) else ")"
    doubt = find_doubt(comparison.gains[along])
    if is_decided and doubt < _SURE and is_large(along):
        error = along.opposite
        over_others = find_doubt(comparison.gains[along] - comparison.gains[best])
        if doubt < _SURE_ALONG and over_others < _SURE:
            text = f"looks {error.describe()}{_describe_doubt(doubt)}"
            return CameraVerdict(camera, text, (error,), True, doubt, along.matrix, {}, count)
        is_decided = False
        text = f"cannot tell (fits better {error.describe()}, which images hardly show)"
    if is_decided:
        text = f"best as given ({list_shown(shows)} would show; {list_hidden(shows)} would not)"
    return CameraVerdict(camera, text, (), is_decided, 1.0, np.eye(4), shows, count)


def _describe_doubt(doubt: float) -> str:
    return f" (sure: {min(100 * (1 - doubt), 99.9):.1f} %)"


def _describe_errors(
    comparison: MotionComparison, best: Motion, parts: Sequence[Motion]
) -> tuple[str, tuple[Motion, ...]]:
    """Return the errors that motions correct, in words and as motions, best first."""
    first = next(part for part in parts if part[:2] == best[:2])
    others = [part for part in parts if part[:2] != best[:2] and is_large(part)]
    others.sort(key=_size, reverse=True)
    errors = tuple(part.opposite for part in (first, *others))
    text = f"looks {' and '.join(error.describe() for error in errors)}"
    alike = _find_alike(comparison, best)
    if alike and not others:
        text += f", or {alike.opposite.describe()}"
    return text, errors


def _correct(
    compared: Sequence[FramePairs], best: Motion
) -> tuple[list[Motion], Array, MotionComparison]:
    """Search for further motions after the best.

    Returns:
        The motions, one per kind and axis, their product, and what motions gain on top
        of it.
    """
    amounts, correction = {best[:2]: best.amount}, best.matrix
    rest = MotionComparison(compared, correction)
    for _ in range(_MAX_ROUNDS):
        part = rest.find_best()
        if find_doubt(rest.gains[part]) > LIKELY:
            break
        amounts[part[:2]] = amounts.get(part[:2], 0) + part.amount
        correction = part.matrix @ correction
        rest = MotionComparison(compared, correction)
    motions = [Motion(kind, axis, amount) for (kind, axis), amount in amounts.items()]
    return motions, correction, rest


def _size(motion: Motion) -> float:
    """Return by how far a motion moves what is 10 m away, in m."""
    amount = abs(motion.amount)
    return amount if motion.kind == "shift" else 10 * float(np.radians(amount))


def _find_alike(comparison: MotionComparison, best: Motion) -> Motion | None:
    """Return the best motion of another kind or axis if it fits about as well."""
    gains = comparison.gains
    others = [x for x in gains if x[:2] not in (best[:2], ("shift", 2)) and is_large(x)]
    other = max(others, key=lambda motion: gains[motion].sum())
    is_alike = find_doubt(gains[best] - gains[other]) > LIKELY
    return other if is_alike and find_doubt(gains[other]) < _SURE else None
