"""Points and images of a sweep with what regions of both sensors are made of."""

from functools import cached_property
from typing import NamedTuple

from perception_kd.io.listed_files import SweepFile
from perception_kd.io.point_files.readers import read_points
from perception_kd.regions.codec import RegionIds
from perception_kd.regions.joint.pieces import Pieces, ViewPairs, label_points, split_superpixels
from perception_kd.regions.joint.settings import JointSettings
from perception_kd.regions.joint.sources import PairedImage
from perception_kd.structures import Image, Points
from perception_kd.superpixels.create import segment_image


class SweepData:
    """The points of a sweep.

    Args:
        points: Points, shape (N, F).
        settings: Settings of clusters.

    Attributes:
        points: Points, shape (N, F).
        images: Images of its sample that were read, by key.
    """

    def __init__(self, points: Points, settings: JointSettings) -> None:
        self.points = points
        self.images: dict[str, PairedData] = {}
        self._settings = settings

    @cached_property
    def labels(self) -> RegionIds:
        """Results of :func:`~.pieces.label_points`, shape (N,)."""
        return label_points(self.points, self._settings)


class PairedData:
    """An image and the points of its sweep.

    Args:
        image: The image, RGB, shape (H, W, 3).
        sweep: Points of its sweep.
        pairs: Pairs of both.
        settings: Settings of superpixels and pieces.

    Attributes:
        image: The image, RGB, shape (H, W, 3).
        pairs: Pairs of points and pixels.
    """

    def __init__(
        self, image: Image, sweep: SweepData, pairs: ViewPairs, settings: JointSettings
    ) -> None:
        self.image, self.pairs = image, pairs
        self._sweep, self._settings = sweep, settings

    @cached_property
    def pieces(self) -> Pieces:
        """Pieces of the superpixels of the image."""
        whole = segment_image(self.image, self._settings.slic)
        labels = self._sweep.labels[self.pairs.points]
        return split_superpixels(
            whole, self.pairs.rows_cols, labels, self._settings.min_piece_points
        )


class ViewedData(NamedTuple):
    """The points of a sweep and the images of its sample."""

    sweep: SweepData
    images: tuple[PairedData, ...]


class SweepReader:
    """Reads sweeps and their images, each once if all of a sweep is asked for in a row.

    Args:
        settings: Settings of superpixels, clusters and pieces.

    Attributes:
        settings: These settings.
    """

    def __init__(self, settings: JointSettings) -> None:
        self.settings = settings
        self._last: tuple[str, SweepData] | None = None

    def read_sweep(self, source: SweepFile) -> SweepData:
        """Read a sweep.

        Args:
            source: Its file.

        Raises:
            FileNotFoundError: If there is no such file.
            BrokenFileError: If it cannot be used.
        """
        if self._last is None or self._last[0] != source.key:
            points = read_points(source.path, source.layout, check_layout=True)
            self._last = source.key, SweepData(points, self.settings)
        return self._last[1]

    def read_pair(self, source: PairedImage) -> PairedData:
        """Read an image, and its sweep.

        Args:
            source: The image.

        Raises:
            As :meth:`read_sweep`, for both.
        """
        sweep = self.read_sweep(source.sweep)
        if source.key not in sweep.images:
            image = source.read()
            pairs = source.pair(sweep.points, (image.shape[0], image.shape[1]))
            sweep.images[source.key] = PairedData(image, sweep, pairs, self.settings)
        return sweep.images[source.key]
