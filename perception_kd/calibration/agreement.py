"""Agreement of the edges of points with the edges of an image, under small motions."""

from copy import copy
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_kd.calibration.scan_pairs import find_pairs
from perception_kd.geometry.projection import Projection, project_points
from perception_kd.structures import Array, Image, Mask, Points

NUM_STRIPS = 8  # of an image, each with a gain of its own
_WIDTH = 800  # px, to which larger images are reduced
_BLUR = 1.0  # px
_MAX_PAIRS = 16_000
_MIN_DEPTH = 0.8  # m
_NOISE = 2.0  # of a color difference, in steps of 8-bit Lab colors
_MARGIN = 0.06  # of the width: pairs so far outside may come in by a motion


class CameraFrame(NamedTuple):
    """One image of a camera with the points of the same moment.

    Attributes:
        camera: Name of the camera.
        points: Positions in LiDAR coordinates in m, then the intensity if there is one,
            shape (N, 3 or more).
        image: RGB, shape (H, W, 3).
        cam2img: Intrinsics in px, shape (3, 3).
        lidar2cam: Rigid transform, with the ego motion between the two moments, shape
            (4, 4).
        inverse: ``lidar2cam`` if the extrinsics were given in the other direction,
            shape (4, 4); None if that is not asked.
        sample: Name of the moment, which other cameras have, too; empty if unknown.
    """

    camera: str
    points: Points
    image: Image
    cam2img: Array
    lidar2cam: Array
    inverse: Array | None = None
    sample: str = ""

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the image in px."""
        height, width = self.image.shape[:2]
        return height, width


class FramePairs:
    """The pairs of one frame on its image.

    Args:
        frame: The frame.

    Attributes:
        frame: The frame, with the image and intrinsics that are compared.
    """

    def __init__(self, frame: CameraFrame) -> None:
        image, self._cam2img = _reduce(frame.image, frame.cam2img)
        self.frame = frame._replace(image=image, cam2img=self._cam2img.astype(float))
        lab = cv2.cvtColor(cv2.GaussianBlur(image, (0, 0), _BLUR), cv2.COLOR_RGB2LAB)
        self._size = lab.shape[0], lab.shape[1]
        self._colors = lab.reshape(-1, 3).astype(np.float32)
        pairs = find_pairs(frame.points, frame.lidar2cam)
        projected = self._project(pairs.ends.reshape(-1, 3), np.eye(4))
        pixels, depth = projected.pixels, projected.depth
        margin = _MARGIN * self._size[1]
        near = ((pixels > -margin) & (pixels < np.array(self._size[::-1]) + margin)).all(axis=1)
        kept = np.nonzero((near & (depth > _MIN_DEPTH)).reshape(-1, 2).all(axis=1))[0]
        kept = kept[:: -(-len(kept) // _MAX_PAIRS) or 1]
        self._ends = pairs.ends[kept].reshape(-1, 3).astype(np.float32)
        self._edges = pairs.edges[kept]
        strips = pixels.reshape(-1, 2, 2)[kept, 0, 0] * NUM_STRIPS / self._size[1]
        self._groups = np.clip(strips, 0, NUM_STRIPS - 1).astype(np.int64)
        self._groups += NUM_STRIPS * pairs.upright[kept]
        self._contrast, self._seen = self._read(np.eye(4))

    @property
    def num_pairs(self) -> int:
        """Number of pairs on the image as calibrated."""
        return int(self._seen.sum())

    @property
    def agreement(self) -> NDArray[np.float64]:
        """Agreement as calibrated, by vertical strip of the image, (NUM_STRIPS,)."""
        return self._sum_up(self._contrast, self._seen)

    def on_image_of(self, other: "FramePairs") -> "FramePairs":
        """Return the pairs of this frame on the image of one of the same size."""
        moved = copy(self)
        moved.frame = self.frame._replace(camera=other.frame.camera, image=other.frame.image)
        moved._colors = other._colors
        moved._contrast, moved._seen = moved._read(np.eye(4))
        return moved

    def gain(self, motion: Array) -> NDArray[np.float64]:
        """Return by how much a motion of the points raises the agreement.

        The agreement is the covariance of the edges of pairs with the logarithm of the
        color differences between their ends. Only pairs that are on the image with and
        without the motion count, so that what comes in or leaves does not matter.

        Args:
            motion: Rigid motion of points in camera coordinates, shape (4, 4).

        Returns:
            Gain by vertical strip of the image, shape (NUM_STRIPS,).
        """
        contrast, seen = self._read(motion)
        return self._sum_up(contrast - self._contrast, seen & self._seen)

    def _sum_up(self, contrast: NDArray[np.float32], seen: Mask) -> NDArray[np.float64]:
        """Return the covariance of edges with contrasts by strip, summed up."""
        groups, edges = self._groups[seen], self._edges[seen]
        counts = np.bincount(groups, minlength=2 * NUM_STRIPS).clip(min=1)
        means = np.bincount(groups, edges, minlength=2 * NUM_STRIPS) / counts
        weighted = (edges - means[groups]) * contrast[seen]
        return np.bincount(groups, weighted, minlength=2 * NUM_STRIPS).reshape(2, -1).sum(axis=0)

    def _project(self, positions: NDArray[Any], motion: NDArray[Any]) -> Projection[NDArray[Any]]:
        return project_points(positions, motion, self._cam2img, self._size, _MIN_DEPTH, "pixel")

    def _read(self, motion: Array) -> tuple[NDArray[np.float32], Mask]:
        """Return the color difference of each pair, and whether both ends are seen."""
        projected = self._project(self._ends, motion.astype(np.float32))
        seen = projected.visible
        col, row = np.floor(projected.pixels.T + 0.5).astype(np.int32)
        colors = self._colors[np.where(seen, row * self._size[1] + col, 0)].reshape(-1, 2, 3)
        difference = np.abs(colors[:, 0] - colors[:, 1]).sum(axis=1)
        return np.log(difference + _NOISE), seen.reshape(-1, 2).all(axis=1)


def _reduce(image: Image, cam2img: Array) -> tuple[Image, NDArray[np.float32]]:
    """Return an image of at most _WIDTH px, and its intrinsics."""
    height, width = image.shape[:2]
    scale = min(1.0, _WIDTH / width)
    if scale < 1:
        size = (_WIDTH, max(1, round(height * scale)))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.uint8)
    scaled = cam2img.astype(np.float32)
    scaled[:2] *= scale
    scaled[:2, 2] += (scale - 1) / 2  # pixel centers are at integers
    return image, scaled
