"""Draw the predictions of a test."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner
from numpy.typing import NDArray

from perception_kd.datasets.transforms.loading import LoadImages
from perception_kd.engine.config.overrides import walk_settings
from perception_kd.evaluation.metrics.lidar_seg_metric import LidarSegMetric
from perception_kd.io.images import write_image
from perception_kd.registry import DATASETS, HOOKS
from perception_kd.structures import Image, Sample
from perception_kd.visualization.boxes import PREDICTED_COLOR, TRUTH_COLOR, draw_boxes_sample
from perception_kd.visualization.legend import add_legend
from perception_kd.visualization.maps import MAP_COLORS, compare_maps
from perception_kd.visualization.point_classes import (
    NO_CLASS_COLOR,
    class_colors,
    compare_point_classes,
)


@HOOKS.register_module()
class DrawPredictionsHook(Hook):
    """Write an image of each of the first samples of a test, with its labels.

    - Boxes: in the cameras' images as stored, whether the model sees them or not, and
      from above. Truth is blue, predictions are red.
    - Maps and classes of points: from above, truth on the left. A cell is drawn where
      its probability is at least 0.5.

    A file has the name of the sample's token. With several processes the first one
    draws samples of its own.

    Args:
        out_dir: Folder for the images.
        num_samples: Number of samples to draw.
        min_score: Boxes with a lower score are not drawn.
    """

    def __init__(self, out_dir: str, num_samples: int = 20, min_score: float = 0.3) -> None:
        self.out_dir = Path(out_dir)
        self.num_samples = num_samples
        self.min_score = min_score
        self._num_drawn = 0
        self._stored: StoredSamples | None = None

    def before_test_epoch(self, runner: Runner) -> None:
        """Reset the count."""
        self._num_drawn = 0

    def after_test_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Sequence[Any] | None = None,
    ) -> None:
        """Draw the samples of a batch until there are enough.

        Raises:
            ValueError: If the predictions are of a kind that cannot be drawn.
            OSError: If an image cannot be written.
        """
        if not is_main_process():
            return
        for place, predicted in enumerate(outputs or ()):
            if self._num_drawn >= self.num_samples:
                return
            points = data_batch["inputs"].get("points")
            image = self._draw(runner, predicted, points[place] if points else None)
            # Tokens of SemanticKITTI have slashes.
            path = self.out_dir / f"{predicted.sample_token.replace('/', '_')}.png"
            write_image(path, image)
            self._num_drawn += 1

    def after_test_epoch(self, runner: Runner, metrics: Any = None) -> None:
        """Log where the images are."""
        if is_main_process():
            runner.logger.info(f"Images of {self._num_drawn} samples are in {self.out_dir}")

    def _draw(self, runner: Runner, predicted: Any, points: Any) -> Image:
        if "pred_instances_3d" in predicted:
            if self._stored is None:
                self._stored = StoredSamples(runner.cfg.test_dataloader.dataset)
            return _draw_boxes(self._stored[predicted.sample_token], predicted, self.min_score)
        if "pred_bev_seg" in predicted:
            return _draw_map(predicted, predicted.map_classes)
        if "pred_pts_seg" in predicted:
            names = _names_of_point_classes(runner)
            return _draw_point_classes(predicted, points.cpu().numpy(), names)
        raise ValueError(
            "--show-dir draws boxes, maps or point classes, but the model predicts "
            f"{', '.join(predicted.keys())}; drop --show-dir."
        )


class StoredSamples:
    """Samples by token as they are stored: not augmented, with truth and all images.

    Args:
        settings: Config of the data set or of what wraps it; its own pipeline gives the
            number of sweeps.
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._places: dict[str, tuple[Any, int]] = {}
        readers = [each for each in walk_settings(settings) if "ann_file" in each]
        for data_set in map(_build_stored, readers):
            for index in range(len(data_set)):
                self._places[data_set.get_data_info(index)["sample_token"]] = (data_set, index)

    def __getitem__(self, token: str) -> Sample:
        """Return ``points``, ``gt_bboxes_3d`` and, where the files exist, ``imgs``."""
        data_set, index = self._places[token]
        sample: Sample = data_set[index]
        if sample["img_paths"] and all(Path(path).is_file() for path in sample["img_paths"]):
            return LoadImages()(sample)
        return sample


def _build_stored(settings: Mapping[str, Any]) -> Any:
    steps = [s for s in settings["pipeline"] if s["type"] == "LoadPoints"]
    pipeline = [*(steps or [dict(type="LoadPoints")]), dict(type="LoadBoxes")]
    own = dict(with_boxes=True, cameras=settings.get("cameras") or None, pipeline=pipeline)
    return DATASETS.build({**settings, **own})


def _draw_boxes(sample: Sample, predicted: Any, min_score: float) -> Image:
    boxes = {key: value.to("cpu") for key, value in predicted.pred_instances_3d.items()}
    image = draw_boxes_sample(sample, boxes, min_score)
    colors = [("truth", TRUTH_COLOR), (f"predicted, score >= {min_score:g}", PREDICTED_COLOR)]
    return add_legend(image, f"sample {predicted.sample_token}", colors)


def _draw_map(predicted: Any, classes: Sequence[str]) -> Image:
    probabilities = predicted.pred_bev_seg.masks.float().cpu().numpy()
    truth = predicted.gt_bev_seg.masks.cpu().numpy().astype(bool)
    image = compare_maps(probabilities, truth, classes, threshold=0.5)
    colors = [(name, color) for name, color in MAP_COLORS.items() if name in classes]
    return add_legend(image, f"sample {predicted.sample_token}, probability >= 0.5", colors)


def _names_of_point_classes(runner: Runner) -> Sequence[str]:
    metrics = runner.test_loop.evaluator.metrics
    named = [metric.classes for metric in metrics if isinstance(metric, LidarSegMetric)]
    return named[0] if named else runner.test_dataloader.dataset.metainfo["seg_classes"]


def _draw_point_classes(predicted: Any, points: NDArray[np.float32], names: Sequence[str]) -> Image:
    classes = predicted.pred_pts_seg.pts_semantic_mask.cpu().numpy()
    truth, title = None, f"sample {predicted.sample_token}, predicted"
    if "gt_pts_seg" in predicted:
        truth = predicted.gt_pts_seg.pts_semantic_mask.cpu().numpy()
        title = f"sample {predicted.sample_token}, truth left, predicted right"
    image = compare_point_classes(points, classes, truth, names)
    colors = zip(names, class_colors(names), strict=True)
    return add_legend(image, title, [*colors, ("none", NO_CLASS_COLOR)])
