"""Reading of a rig file: every key is checked, and a fault names it."""

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from perception_kd.datasets.folder.constants import KISS_ICP
from perception_kd.datasets.folder.rig import SCENE, Camera, Frames, Poses, Rig, Splits
from perception_kd.datasets.folder.rig_sensors import (
    UNITS,
    read_camera,
    read_column,
    read_either,
    read_lidar,
    read_time_source,
)
from perception_kd.datasets.folder.sections import RigError, RigSection
from perception_kd.io.bounded import read_bounded
from perception_kd.io.names import safe_name

POSE_FORMATS = ("kitti", "tum", "csv", KISS_ICP)
_POSE_COLUMNS = ("time", "x", "y", "z", "qw", "qx", "qy", "qz")
_MAX_BYTES = 2**22


def read_rig(path: str | Path) -> Rig:
    """Read a rig file.

    Args:
        path: File as ``docs/your_data.md`` describes it.

    Raises:
        FileNotFoundError: If there is no such file.
        RigError: If a key is missing, unknown or of a wrong type, or a value is
            impossible.
    """
    path = Path(path)
    top = RigSection(_load(path), path)
    default = read_time_source(top.section("times")) if top.has("times") else None
    lidar = read_lidar(top.section("lidar"), default)
    cameras: tuple[Camera, ...] = ()
    if top.has("cameras"):
        section = top.section("cameras")
        names = section.keys()
        cameras = tuple(read_camera(section, name, default) for name in names)
    rig = Rig(
        path,
        lidar,
        cameras,
        frames=_read_frames(top.section("frames")) if top.has("frames") else Frames(),
        poses=_read_poses(top.section("poses"), cameras) if top.has("poses") else None,
        splits=_read_splits(top.section("splits")) if top.has("splits") else Splits(),
    )
    top.close()
    _check_scenes(rig)
    _check_ego(rig)
    return rig


def _read_frames(section: RigSection) -> Frames:
    usual = Frames()
    frames = Frames(
        tolerance_s=section.number("tolerance_s", 0.0, default=usual.tolerance_s),
        every_s=section.number("every_s", 0.0, default=usual.every_s),
        max_sweeps=int(section.number("max_sweeps", 0, 1000, default=usual.max_sweeps)),
        scene_gap_s=section.number("scene_gap_s", 1e-3, default=usual.scene_gap_s),
        max_missing=section.number("max_missing", 0.0, 1.0, default=usual.max_missing),
    )
    section.close()
    return frames


def _read_poses(section: RigSection, cameras: tuple[Camera, ...]) -> Poses:
    kind = section.choice("format", POSE_FORMATS)
    if kind == KISS_ICP:
        section.close()
        return Poses(kind)
    of = section.choice("of", ["lidar", "ego", "body", *(camera.name for camera in cameras)])
    lidar2body, body2lidar = None, None
    if of == "body":
        section.one_of("lidar2body", "body2lidar")
        lidar2body, body2lidar = read_either(section, "lidar2body", "body2lidar")
    columns = {}
    if kind == "csv":
        inner = section.section("columns")
        columns = {name: read_column(inner, name) for name in _POSE_COLUMNS}
        inner.close()
    has_times = kind != "kitti"
    poses = Poses(
        kind,
        file=section.path_text("file"),
        of=of,
        lidar2body=lidar2body,
        body2lidar=body2lidar,
        unit=section.choice("unit", UNITS, "s") if has_times else "s",
        columns=columns,
        max_gap_s=section.number("max_gap_s", 0.0, default=1.0) if has_times else 1.0,
    )
    section.close()
    return poses


def _read_splits(section: RigSection) -> Splits:
    if section.has("val_share"):
        splits = Splits(
            val_share=section.number("val_share", 0.01, 0.9),
            guard_s=section.number("guard_s", 0.0, default=Splits().guard_s),
        )
        section.close()
        return splits
    names = section.keys()
    for name in names:
        safe_name(name, f"{section.path}: a split in splits")
    return Splits({name: section.texts(name) for name in names})


def _check_scenes(rig: Rig) -> None:
    """Refuse folders of scenes for some sensors only."""
    for camera in rig.cameras:
        if (SCENE in camera.files) != (SCENE in rig.lidar.files):
            raise RigError(
                f"{rig.path}: lidar.files and cameras.{camera.name}.files must both have {SCENE}, "
                "which stands for the folder of a scene, or neither; correct one of them."
            )


def _check_ego(rig: Rig) -> None:
    """Refuse what needs the place of the LiDAR in the vehicle where it is missing."""
    if rig.lidar.lidar2ego or rig.lidar.ego2lidar:
        return
    needing = [
        f"cameras.{camera.name}.{camera.direction}"
        for camera in rig.cameras
        if "ego" in camera.direction
    ]
    if rig.poses is not None and rig.poses.of == "ego":
        needing.append("poses.of")
    if needing:
        raise RigError(
            f"{rig.path}: lidar.lidar2ego is missing, but {needing[0]} needs it; give it, or "
            "lidar.ego2lidar."
        )


class _RigLoader(yaml.SafeLoader):
    """A safe loader that refuses keys that occur twice."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key_node, _ in node.value:
            if (key := str(key_node.value)) in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key} occurs twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


def _load(path: Path) -> Any:
    remedy = "make a first one with --propose, or give its path with --rig."
    data = read_bounded(path, "rig file", remedy, _MAX_BYTES)
    try:
        return yaml.load(data.decode("utf-8-sig"), _RigLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise RigError(f"{path} is not YAML{place}: {error.problem}; correct it.") from error
    except Exception as error:  # what makes values of tags raises nearly anything
        reason = " ".join(str(error).split())[:200]
        raise RigError(f"{path} is not YAML: {reason}; correct it.") from error
