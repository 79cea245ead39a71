"""Checks of what all samples that were read have in common."""

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from perception_kd.datasets.catalog import find_data_set
from perception_kd.datasets.point_classes import default_classes, map_labels
from perception_kd.datasets.semantic_labels import IGNORE_INDEX, UNKNOWN_LABEL
from perception_kd.doctor.alignment import FEW
from perception_kd.doctor.files import SampleReport
from perception_kd.doctor.finding import Finding, Level
from perception_kd.doctor.infos import Info

_NONE = 1e-3  # share of points on an image that counts as none
_MAX_OTHERWISE = 0.5  # of the points in boxes


def check_totals(reports: Sequence[SampleReport], info: Info) -> Iterator[Finding]:
    """Yield all findings of this module on one info file.

    Args:
        reports: One per sample that was read.
        info: The info file.
    """
    yield from check_coverage(reports, str(info.source.path))
    yield from check_points_in_boxes(reports, str(info.source.path))
    yield from check_box_totals(info)
    yield from check_point_labels(reports, info)
    yield from check_segments(reports)


def check_coverage(reports: Sequence[SampleReport], where: str) -> Iterator[Finding]:
    """Yield findings on the share of points that project into each camera's images.

    Args:
        reports: One per sample.
        where: Info file, for the findings.
    """
    names = list(dict.fromkeys(name for report in reports for name in report.shares))
    means = {}
    for name in names:
        shares = [report.shares[name] for report in reports if name in report.shares]
        means[name] = mean = float(np.mean(shares))
        if mean >= FEW:
            continue
        guesses = Counter(guess for report in reports if (guess := report.guesses.get(name)))
        guess = f": {guesses.most_common(1)[0][0]}" if guesses else ""
        what = f"On average, {mean:.2%} of the points project into the images{guess}."
        remedy = "look at the images of --report, and correct the calibration"
        level = Level.ERROR if mean < _NONE else Level.WARNING
        yield Finding(
            level, "calibration", what, f"{where}, images.{name}.lidar2cam and cam2img", remedy
        )
    if means:
        shown = ", ".join(f"{name} {mean:.1%}" for name, mean in means.items())
        yield Finding(Level.OK, "calibration", f"Points that project into images: {shown}.", where)


def check_points_in_boxes(reports: Sequence[SampleReport], where: str) -> Iterator[Finding]:
    """Yield the finding on whether boxes contain as many points as the info file says.

    Args:
        reports: One per sample.
        where: Info file, for the findings.
    """
    stored = sum(report.boxed[0] for report in reports)
    difference = sum(report.boxed[1] for report in reports)
    if not stored:
        return
    what = f"Boxes contain {stored} points by the info file; {difference} differ from a recount."
    if difference > _MAX_OTHERWISE * stored:
        what += " Yaw, order of the sizes or coordinates of the boxes are wrong."
        remedy = "make the info files again with this version"
        yield Finding(Level.ERROR, "boxes", what, f"{where}, instances.bbox_3d", remedy)
    else:
        yield Finding(Level.OK, "boxes", what, where)


def check_box_totals(info: Info) -> Iterator[Finding]:
    """Yield findings on the categories of boxes and on boxes without points."""
    boxes = [box for sample in info.samples for box in sample.get("instances") or []]
    where = f"{info.source.path}, instances"
    if not boxes:
        yield Finding(Level.OK, "boxes", "There are no boxes; only detection needs them.", where)
        return
    categories = (info.metainfo.get("categories") or {}).items()
    names = {index: name for name, index in categories if index >= 0}
    counts = Counter(box.get("bbox_label_3d") for box in boxes)
    shown = ", ".join(
        f"{names.get(label, 'without a class')} {number}" for label, number in counts.most_common()
    )
    seen = sum(int(box.get("num_lidar_pts") or 0) > 0 for box in boxes)
    what = f"{len(boxes)} boxes, {seen / len(boxes):.0%} with LiDAR points: {shown}."
    known = sum(number for label, number in counts.items() if label in names)
    if not known:
        remedy = "check the categories of the data set"
        yield Finding(Level.ERROR, "boxes", f"No box has a class. {what}", where, remedy)
    elif len(counts) == 1 and len(boxes) >= 20:
        remedy = "check the categories of the data set"
        yield Finding(Level.WARNING, "boxes", f"All boxes have one class. {what}", where, remedy)
    elif seen < len(boxes) / 4:
        remedy = "check num_lidar_pts, and that boxes and points have the same coordinates"
        yield Finding(Level.WARNING, "boxes", what, where, remedy)
    else:
        yield Finding(Level.OK, "boxes", what, where)


def check_point_labels(reports: Sequence[SampleReport], info: Info) -> Iterator[Finding]:
    """Yield the finding on the labels of points.

    Args:
        reports: One per sample.
        info: The info file.
    """
    where = f"{info.source.path}, pts_semantic_mask_path"
    counts: Counter[int] = Counter()
    for report in reports:
        counts.update(report.labels)
    data_set = find_data_set(str(info.metainfo.get("dataset")))
    total = sum(counts.values())
    if not total or data_set is None:
        if not any(sample.get("pts_semantic_mask_path") for sample in info.samples):
            what = "There are no point labels; only LiDAR segmentation needs them."
            yield Finding(Level.OK, "point labels", what, where)
        return
    table = info.metainfo.get("point_labels")
    names = default_classes(data_set, table)
    mapping = map_labels(data_set, table, names)
    class_of = {
        label: int(mapping[label]) if label < len(mapping) else UNKNOWN_LABEL for label in counts
    }
    unknown = sum(counts[label] for label, name in class_of.items() if name == UNKNOWN_LABEL)
    classes = set(class_of.values()) - {IGNORE_INDEX, UNKNOWN_LABEL}
    used = sum(counts[label] for label, name in class_of.items() if name in classes)
    what = (
        f"{used / total:.0%} of the labeled points have one of {len(names)} "
        f"classes; {len(classes)} classes occur."
    )
    remedy = "check that the labels are of this data set and version"
    if unknown or not used:
        what = (
            f"{unknown} points have a label that the data set does not have. {what}"
            if unknown
            else what
        )
        yield Finding(Level.ERROR, "point labels", what, where, remedy)
    elif used < total / 5:
        yield Finding(Level.WARNING, "point labels", what, where, remedy)
    else:
        yield Finding(Level.OK, "point labels", what, where)


def check_segments(reports: Sequence[SampleReport]) -> Iterator[Finding]:
    """Yield findings on the number of superpixels or regions of each entry."""
    for folder in dict.fromkeys(name for report in reports for name in report.segments):
        counts = [number for report in reports for number in report.segments.get(folder, [])]
        if not counts:
            continue
        empty = sum(number == 0 for number in counts)
        what = (
            f"{len(counts)} entries were read, with {np.mean(counts):.1f} segments on average; "
            f"{empty} have none."
        )
        level = Level.OK if empty < len(counts) / 2 else Level.WARNING
        level = Level.ERROR if empty == len(counts) else level
        remedy = "" if level is Level.OK else "check the settings in its manifest, such as heights"
        yield Finding(level, "cache", what, folder, remedy)
    if unmarked := sum(report.num_unmarked for report in reports):
        what = (
            f"{unmarked} entries do not say what they were made from, so whether they belong to "
            "their inputs is unknown: an earlier version made them."
        )
        remedy = "make the caches again with --no-resume if files were moved or renamed"
        yield Finding(Level.OK, "cache", what, "", remedy)
