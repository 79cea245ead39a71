"""Calibrations that are inverted, or those of another camera."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from perception_kd.calibration.agreement import CameraFrame, FramePairs
from perception_kd.calibration.comparison import Gains, MotionComparison, find_doubt
from perception_kd.calibration.motions import is_large
from perception_kd.calibration.resolution import LARGEST_SHOWN, LIKELY, find_shown, is_peak
from perception_kd.geometry.projection import project_points
from perception_kd.geometry.rigid import invert_rigid
from perception_kd.structures import Array

_SURE = 0.01  # largest doubt that another calibration fits better
_CERTAIN = 1e-4
_CERTAIN_SHOWN = 1.0  # degrees
_NUM_TRIED = 3  # images of which another calibration must fit better to be looked at
_NEAR_DEG = 10.0  # two calibrations see mostly the same points
_SAME_DEG, _SAME_M = 0.7, 0.14  # two calibrations cannot be distinguished
_FEW, _MANY = 0.002, 0.02  # shares of the points on an image
_UPRIGHT = 0.7  # cosine between the upward axes of LiDAR and image


@dataclass(frozen=True)
class Mixup:
    """A calibration that fits the images of a camera, in place of its own.

    Attributes:
        camera: The camera that has it; empty for the inverse of its own extrinsics.
        lidar2cam: Its extrinsics for the first image, shape (4, 4).
        doubt: Probability that it fits better by chance, in [0, 1].
        is_certain: Whether nothing else can explain it.
        reason: What speaks for it, in words.
    """

    camera: str
    lidar2cam: Array
    doubt: float
    is_certain: bool
    reason: str


def find_mixup(
    compared: Sequence[FramePairs], others: Mapping[str, Sequence[FramePairs]]
) -> Mixup | None:
    """Return the calibration that fits a camera whose own does not; None without one.

    Args:
        compared: Pairs on the images of the camera.
        others: Those of other cameras, by name.
    """
    frames = [frame_pairs.frame for frame_pairs in compared]
    by_share = _find_unseen(frames)
    if by_share is not None:
        return by_share
    tries = [_try_inverse(compared)] if all(x.inverse is not None for x in frames) else []
    tries += [_try_other(compared, of_other) for of_other in others.values()]
    found = [mixup for mixup in tries if mixup is not None]
    return min(found, key=lambda mixup: mixup.doubt, default=None)


def _find_unseen(frames: Sequence[CameraFrame]) -> Mixup | None:
    """Return the inverse if many points fall on the images by it, and none as given."""
    first = frames[0]
    if first.inverse is None or -first.inverse[1, 2] < _UPRIGHT:
        return None
    given = np.mean([_share_on_image(frame, frame.lidar2cam) for frame in frames])
    inverse = np.mean([_share_on_image(x, x.inverse) for x in frames if x.inverse is not None])
    if given > _FEW or inverse < _MANY:
        return None
    shares = f"{given:.1%} of the points fall on its images as calibrated, {inverse:.1%}"
    reason = f"{shares} with the inverse"
    return Mixup("", first.inverse, 0.0, True, reason)


def _try_inverse(compared: Sequence[FramePairs]) -> Mixup | None:
    first = compared[0].frame
    assert first.inverse is not None
    motion = first.inverse @ invert_rigid(first.lidar2cam)
    angle = np.degrees(Rotation.from_matrix(motion[:3, :3]).magnitude())
    if angle < _SAME_DEG and np.linalg.norm(motion[:3, 3]) < _SAME_M:
        return None
    if angle < _NEAR_DEG:
        gains = np.concatenate([frame_pairs.gain(motion) for frame_pairs in compared])
        doubt = find_doubt(gains)
        if doubt > _SURE:
            return None
        return _accept("", first.inverse, MotionComparison(compared, motion), doubt)
    return _try([(frame_pairs, None) for frame_pairs in compared], "")


def _try_other(compared: Sequence[FramePairs], others: Sequence[FramePairs]) -> Mixup | None:
    by_sample = {
        frame_pairs.frame.sample: frame_pairs for frame_pairs in others if frame_pairs.frame.sample
    }
    pairs = [
        (frame_pairs, other)
        for frame_pairs in compared
        if (other := by_sample.get(frame_pairs.frame.sample))
        and other.frame.size == frame_pairs.frame.size
    ]
    return _try(pairs, others[0].frame.camera) if pairs else None


def _try(pairs: Sequence[tuple[FramePairs, FramePairs | None]], name: str) -> Mixup | None:
    """Compare frames with those of another calibration, or of the inverse for None."""
    places = np.unique(np.linspace(0, len(pairs) - 1, _NUM_TRIED).round().astype(int)).tolist()
    made = {place: _apply(*pairs[place]) for place in places}
    if find_doubt(_raise(pairs, made)) > _SURE:
        return None
    made = {place: made.get(place) or _apply(*pair) for place, pair in enumerate(pairs)}
    doubt = find_doubt(_raise(pairs, made))
    if doubt > _SURE:
        return None
    compared = [made[place] for place in range(len(pairs))]
    return _accept(name, compared[0].frame.lidar2cam, MotionComparison(compared, np.eye(4)), doubt)


def _apply(frame_pairs: FramePairs, other: FramePairs | None) -> FramePairs:
    if other is not None:
        return other.on_image_of(frame_pairs)
    inverse = frame_pairs.frame.inverse
    assert inverse is not None
    return FramePairs(frame_pairs.frame._replace(lidar2cam=inverse))


def _raise(
    pairs: Sequence[tuple[FramePairs, FramePairs | None]], made: Mapping[int, FramePairs]
) -> Gains:
    """Return by how much other calibrations raise the agreement, by strip."""
    return np.concatenate(
        [frame_pairs.agreement - pairs[x][0].agreement for x, frame_pairs in made.items()]
    )


def _accept(name: str, lidar2cam: Array, around: MotionComparison, doubt: float) -> Mixup | None:
    """Return a calibration if turns away from it fit worse, and nothing fits better."""
    best = around.find_best()
    if find_doubt(around.gains[best]) < _SURE and is_large(best):
        return None
    if not is_peak(find_shown(around, LIKELY), LARGEST_SHOWN):
        return None
    is_certain = doubt < _CERTAIN and is_peak(find_shown(around, _SURE), _CERTAIN_SHOWN)
    reason = "edges of points and images then fit far better"
    return Mixup(name, lidar2cam, doubt, is_certain, reason)


def _share_on_image(frame: CameraFrame, lidar2cam: Array) -> float:
    """Return the share of all points that fall on an image."""
    positions = frame.points[:, :3].astype(np.float64)
    visible = project_points(positions, lidar2cam, frame.cam2img, frame.size).visible
    return np.count_nonzero(visible) / max(len(visible), 1)
