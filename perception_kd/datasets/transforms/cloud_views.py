"""Several augmented copies of one point cloud: the same rows, each moved on its own."""

from collections.abc import Sequence

import numpy as np

from perception_kd.datasets.transforms.base import Transform
from perception_kd.registry import TRANSFORMS
from perception_kd.structures import PipelineStep, Sample
from perception_kd.utils.checks import check_at_least


@TRANSFORMS.register_module()
class MakeCloudViews(Transform):
    """Move copies of the points, each by its own draw of the same random transforms.

    A row is the same physical point in every copy, so whatever belongs to rows, such as
    ``region_ids``, belongs to all copies. The sample itself becomes the first copy:
    cameras follow that one, by its ``lidar_aug_matrix``. No later step may move, drop
    or shuffle points: it would not reach the copies.

    Reads: ``points``, and what the transforms read. Writes: ``cloud_views``,
    ``points``, ``lidar_aug_matrix``.

    Args:
        transforms: Steps, as configs or callables, that move points, for example
            ``RandomRotateZ``. They may not drop or reorder them.
        num_views: Number of copies.

    Raises:
        ValueError: If ``num_views`` is not positive.
    """

    def __init__(self, transforms: Sequence[PipelineStep], num_views: int = 2) -> None:
        check_at_least("num_views", num_views, 1)
        self.transforms = [TRANSFORMS.build(t) if isinstance(t, dict) else t for t in transforms]
        self.num_views = num_views

    def __call__(self, sample: Sample) -> Sample:
        """Return the sample as its first copy, with all ``cloud_views``.

        Raises:
            ValueError: If a transform drops or reorders points.
        """
        views = [self._make_view(sample) for _ in range(self.num_views)]
        return {**views[0], "cloud_views": [view["points"] for view in views]}

    def _make_view(self, sample: Sample) -> Sample:
        view = sample
        for transform in self.transforms:
            moved = transform(view)
            if moved is None or not _has_same_rows(moved, sample):
                raise ValueError(
                    "transforms of MakeCloudViews must keep the rows of points, but got "
                    f"{type(transform).__name__}, which does not; put it before MakeCloudViews."
                )
            view = moved
        return view


def _has_same_rows(view: Sample, sample: Sample) -> bool:
    """Compare all but the positions: intensities tell points apart."""
    return np.array_equal(view["points"][:, 3:], sample["points"][:, 3:])
