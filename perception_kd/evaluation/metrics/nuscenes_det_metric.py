"""Detection: NDS, mAP and errors of true positives, by nuScenes' devkit."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mmdet3d.evaluation.metrics import NuScenesMetric
from nuscenes.eval.common.config import config_factory
from nuscenes.eval.detection.data_classes import DetectionConfig

from perception_kd.datasets.catalog import find_data_set
from perception_kd.datasets.nuscenes.devkit import check_evaluation, open_for_evaluation
from perception_kd.datasets.nuscenes.sensors import NUSCENES_LIDAR
from perception_kd.datasets.nuscenes.splits import (
    NUSCENES_VERSIONS,
    evaluation_set,
    split_names,
    split_scenes,
)
from perception_kd.evaluation.detection_report import report_scores
from perception_kd.evaluation.info_boxes import (
    InfoEvaluation,
    check_info_boxes,
    config_for,
    with_pose,
)
from perception_kd.evaluation.nuscenes_boxes import BoxEvaluation
from perception_kd.io.info_file import open_info, read_info
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

    Means are over the classes of the data set. If these are nuScenes' or some of them,
    and the data are in its format, the truth is that of the tables. Otherwise it is
    that of the info file, and the NDS, which is defined by nuScenes' classes, is left
    out. Errors of what no box has, velocities or attributes, are left out, too.

    Args:
        data_root: Folder of the data set with its tables.
        ann_file: Info file, relative to ``info_root``.
        info_root: Folder of info files; None means ``data_root``.
        format_only: Whether to only write the submission; samples then need no
            annotations.
        submission_dir: Folder for ``results_nusc.json`` in the format of the official
            evaluation server; None keeps no file.
        class_range: Distance from the ego vehicle in m up to which boxes of a class
            count, by class; nuScenes' classes have the devkit's, others 50 m.
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
        class_range: Mapping[str, float] | None = None,
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
        self._official: DetectionConfig = config_factory(self.eval_version)
        self.format_only = format_only
        self.submission_dir = submission_dir
        self.class_range = dict(class_range or {})

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
        self.data_infos = [with_pose(infos[token]) for token in dict(results)]

    @property
    def _by_tables(self) -> bool:
        """True if the truth is that of nuScenes' tables."""
        official = set(self._official.class_range)
        is_official = official.issuperset(self._dataset_meta["classes"]) and not self.class_range
        data_set = find_data_set(str(self._dataset_meta.get("dataset")))
        return is_official and data_set is not None and data_set.has_devkit_boxes

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
        self._dataset_meta, classes = dataset_meta, dataset_meta["classes"]
        self.eval_detection_configs = config_for(self._official, classes, self.class_range)
        self.DefaultAttribute = {**dict.fromkeys(classes, ""), **NuScenesMetric.DefaultAttribute}
        if self.format_only:
            return
        if self._by_tables:
            check_evaluation(self.data_root, dataset_meta["version"])
        if not self._by_tables or set(classes) != set(self._official.class_range):
            check_info_boxes(self.ann_file, self.eval_detection_configs.class_range)

    def _evaluate(self, path: str) -> dict[str, float]:
        if not self._by_tables:
            info = read_info(self.ann_file)
            own = InfoEvaluation(self.eval_detection_configs, path, info)
            return report_scores(own.evaluate()[0], own, self._dataset_meta["classes"], "")
        return self._evaluate_by_tables(path)

    def _evaluate_by_tables(self, path: str) -> dict[str, float]:
        meta = self._dataset_meta
        version, lidar = meta["version"], meta.get("lidar", NUSCENES_LIDAR)
        nusc = open_for_evaluation(self.data_root, version, lidar)
        names = list(dict.fromkeys(info["scene_name"] for info in self.data_infos))
        what, scenes = _choose_samples(version, names)
        if scenes:
            scene_of = {scene["token"]: scene["name"] for scene in nusc.scene}
            tokens = [x["token"] for x in nusc.sample if scene_of[x["scene_token"]] in scenes]
        else:
            tokens = [info["token"] for info in open_info(self.ann_file)["data_list"]]
        evaluation = BoxEvaluation(nusc, self._official, Path(path), tokens, what)
        metrics = evaluation.evaluate()[0]
        return report_scores(metrics, evaluation, meta["classes"], what)


def _choose_samples(version: str, names: Sequence[str]) -> tuple[str, set[str]]:
    """Return the name of the official splits with some scenes, and all their scenes.

    A data set of another version has no official split, and its info file is one.
    """
    if version not in NUSCENES_VERSIONS:
        return "the info file", set()
    sets = list(dict.fromkeys(evaluation_set(version, name) for name in names))
    scenes = [scene for split in split_names(version) for scene in split_scenes(version, split)]
    return " and ".join(sets), {x for x in scenes if evaluation_set(version, x) in sets}
