"""nuScenes detection: NDS, mAP and errors of true positives."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mmdet3d.evaluation.metrics import NuScenesMetric
from mmengine.logging import MMLogger
from nuscenes.eval.detection.data_classes import DetectionMetrics
from terminaltables import AsciiTable

from perception_kd.datasets.nuscenes.devkit import check_evaluation, open_for_evaluation
from perception_kd.datasets.nuscenes.sensors import NUSCENES_LIDAR
from perception_kd.datasets.nuscenes.splits import (
    NUSCENES_VERSIONS,
    evaluation_set,
    split_names,
    split_scenes,
)
from perception_kd.evaluation.nuscenes_boxes import (
    STALE_REMEDY,
    BoxEvaluation,
    has_stale_coordinates,
    summarize,
)
from perception_kd.io.info_file import read_info
from perception_kd.registry import METRICS
from perception_kd.utils.checks import check_classes

_META = dict(use_camera=False, use_lidar=True, use_radar=False, use_map=False, use_external=False)


@METRICS.register_module()
class NuScenesDetMetric(NuScenesMetric):
    """mmdet3d's metric for samples by token, on any part of a split.

    The numbers are the devkit's. Classes without ground truth, as in v1.0-mini, are
    logged, and means over the other classes are given in addition to the official ones,
    in which an absent class counts as missed. A part of a split is scored on its own
    ground truth, and the log says that this is not the benchmark.

    Args:
        data_root: Folder of the data set with its tables.
        ann_file: Info file, relative to ``info_root``.
        info_root: Folder of info files; None means ``data_root``.
        format_only: Whether to only write the submission; samples then need no
            annotations.
        submission_dir: Folder for ``results_nusc.json`` in the format of the official
            evaluation server; None keeps no file.
        submission_meta: Entries of the submission's ``meta`` that differ from those of
            a network with LiDAR input only, such as ``dict(use_camera=True)``.
        collect_device: "cpu" or "gpu", to collect results of several processes.
        prefix: Prefix of the names of the results.

    Raises:
        ValueError: If ``format_only`` is given without a folder, or
            ``submission_meta`` has an unknown entry.
    """

    def __init__(
        self,
        data_root: str,
        ann_file: str,
        info_root: str | None = None,
        format_only: bool = False,
        submission_dir: str | None = None,
        submission_meta: Mapping[str, bool] | None = None,
        collect_device: str = "cpu",
        prefix: str | None = None,
    ) -> None:
        if format_only and submission_dir is None:
            raise ValueError("submission_dir must be given with format_only, but got None.")
        unknown = set(submission_meta or {}) - set(_META)
        if unknown:
            raise ValueError(
                f"submission_meta must have entries of {sorted(_META)}, but got {sorted(unknown)}."
            )
        super().__init__(
            data_root=data_root,
            ann_file=os.path.join(info_root or data_root, ann_file),
            modality={**_META, **(submission_meta or {})},
            prefix=prefix or "nuscenes",
            collect_device=collect_device,
        )
        self.format_only = format_only
        self.submission_dir = submission_dir

    def process(self, data_batch: Any, data_samples: Sequence[dict[str, Any]]) -> None:
        """Add one batch: samples with ``sample_token`` and ``pred_instances_3d``.

        Raises:
            ValueError: If a sample's ``box_classes`` differ from the data set's.
        """
        for sample in data_samples:
            expected = self.dataset_meta["classes"]
            names = sample.get("box_classes", expected)
            check_classes("box_classes of predictions", names, expected)
            boxes = {key: value.to("cpu") for key, value in sample["pred_instances_3d"].items()}
            self.results.append((sample["sample_token"], boxes))

    def compute_metrics(self, results: list[tuple[str, dict[str, Any]]]) -> dict[str, float]:
        """Return the scores in the devkit's units: fractions, m and rad.

        Raises:
            ValueError: If a sample is not in the info file.
        """
        self._read_infos(results)
        with TemporaryDirectory() as temporary:
            folder = self.submission_dir or temporary
            # A sample that the sampler repeated counts once.
            boxes = list(dict(results).values())
            places, classes = list(range(len(boxes))), self.dataset_meta["classes"]
            path = self._format_lidar_bbox(boxes, places, classes, folder)
            return {} if self.format_only else self._evaluate(path)

    def _read_infos(self, results: list[tuple[str, dict[str, Any]]]) -> None:
        infos = {info["token"]: info for info in read_info(self.ann_file)["data_list"]}
        unknown = [token for token, _ in results if token not in infos]
        if unknown:
            raise ValueError(
                f"{self.ann_file} lacks {len(unknown)} of the predicted samples, such as "
                f"{unknown[0]}; ann_file must be the info file of the test data."
            )
        self.data_infos = [infos[token] for token in dict(results)]

    @property
    def dataset_meta(self) -> dict[str, Any]:
        """Metainfo of the data set, with ``version``."""
        meta: dict[str, Any] = self._dataset_meta
        return meta

    @dataset_meta.setter
    def dataset_meta(self, dataset_meta: dict[str, Any]) -> None:
        """Take the metainfo; it is known before a training begins.

        Raises:
            FileNotFoundError: If a table is missing that scoring needs.
            ValueError: If there are no boxes to score against.
        """
        self._dataset_meta = dataset_meta
        if not self.format_only:
            check_evaluation(self.data_root, dataset_meta["version"])

    def _evaluate(self, path: str) -> dict[str, float]:
        meta = self._dataset_meta
        version, lidar = meta["version"], meta.get("lidar", NUSCENES_LIDAR)
        nusc = open_for_evaluation(self.data_root, version, lidar)
        names = list(dict.fromkeys(info["scene_name"] for info in self.data_infos))
        what, scenes = _choose_samples(version, names)
        if scenes:
            scene_of = {scene["token"]: scene["name"] for scene in nusc.scene}
            tokens = [x["token"] for x in nusc.sample if scene_of[x["scene_token"]] in scenes]
        else:
            tokens = [info["token"] for info in read_info(self.ann_file)["data_list"]]
        evaluation = BoxEvaluation(nusc, self.eval_detection_configs, Path(path), tokens, what)
        metrics = evaluation.evaluate()[0]
        return _report(metrics, evaluation, what)


def _choose_samples(version: str, names: Sequence[str]) -> tuple[str, set[str]]:
    """Return the name of the official splits with some scenes, and all their scenes.

    A data set of another version has no official split, and its info file is one.
    """
    if version not in NUSCENES_VERSIONS:
        return "the info file", set()
    sets = list(dict.fromkeys(evaluation_set(version, name) for name in names))
    scenes = [scene for split in split_names(version) for scene in split_scenes(version, split)]
    return " and ".join(sets), {x for x in scenes if evaluation_set(version, x) in sets}


def _report(metrics: DetectionMetrics, evaluation: BoxEvaluation, what: str) -> dict[str, float]:
    """Log the scores with remarks on their meaning, and return them."""
    logger: MMLogger = MMLogger.get_current_instance()
    every, present = metrics.cfg.class_names, evaluation.present_classes
    if not present:
        raise ValueError("The samples have no ground-truth box in range.")
    scores = summarize(metrics, every)
    rows = [
        [name, *(f"{metrics.mean_dist_aps[name]:.3f}" if name in present else "-",)]
        for name in every
    ]
    logger.info("\n" + AsciiTable([["class", "AP"], *rows]).table)
    num_scored = len(evaluation.sample_tokens)
    if num_scored < evaluation.num_samples:
        logger.warning(
            f"Scored {num_scored} of {evaluation.num_samples} samples of {what}: not comparable "
            "with scores on all of them."
        )
    of_present = summarize(metrics, present)
    absent = [name for name in every if name not in present]
    if absent:
        logger.info(
            "Without ground truth, so missed in NDS and mAP by the official definition and "
            f"ignored in the values of present classes: {', '.join(absent)}."
        )
        scores |= {f"{name}_present": of_present[name] for name in ("NDS", "mAP")}
    if has_stale_coordinates(of_present):
        logger.warning(STALE_REMEDY)
    return scores | {f"AP_{name}": float(metrics.mean_dist_aps[name]) for name in present}
