"""Info files of a folder with a car's recording."""

import shlex
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from perception_kd.datasets.calibration_checks import find_intrinsics_doubt
from perception_kd.datasets.conversion import Converted, find_stale_files
from perception_kd.datasets.folder.axes_checks import check_axes
from perception_kd.datasets.folder.broken_files import (
    find_broken_sweeps,
    leave_out_broken,
    measure_images,
)
from perception_kd.datasets.folder.calibration import describe_rig_extrinsics, is_left_handed
from perception_kd.datasets.folder.constants import KISS_ICP, RIG
from perception_kd.datasets.folder.entries import EntryMaker, plain_name, undistorted_path
from perception_kd.datasets.folder.frames import FrameFiles, Recording, make_frames, read_recordings
from perception_kd.datasets.folder.image_shares import CameraPoints, check_shares
from perception_kd.datasets.folder.odometry import POSES_FOLDER, provide_poses
from perception_kd.datasets.folder.pairs import check_missing, check_pairs, find_gaps
from perception_kd.datasets.folder.points import check_points, make_layout
from perception_kd.datasets.folder.rig import Poses, Rig
from perception_kd.datasets.folder.rig_file import read_rig
from perception_kd.datasets.folder.scene_data import SceneData, check_image_size, load_scene
from perception_kd.datasets.folder.sections import RigError
from perception_kd.datasets.folder.splits import TRAIN, VAL, split_frames
from perception_kd.datasets.folder.undistortion import UNDISTORTED_FOLDER, Job, undistort_all
from perception_kd.io.atomic import make_writable_folder, remove_leftovers
from perception_kd.io.info_file import INFO_ROOT
from perception_kd.io.info_writer import InfoWriter, make_metainfo
from perception_kd.io.inner_folder import make_inner_folder
from perception_kd.io.lock import lock_folder
from perception_kd.io.names import safe_name
from perception_kd.structures import PointLayout, Points
from perception_kd.utils.checks import check_at_least

_VERSION = "1.0"
_NUM_CHECKED = 10  # frames whose points are projected, per camera


def convert_folder(
    root: str | Path,
    rig_file: str | Path | None = None,
    out_dir: str | Path | None = None,
    prefix: str = "folder",
    *,
    poses: str | None = None,
    workers: int = 2,
    progress: bool = True,
) -> Converted:
    """Write the info files of a recording, one per split.

    Args:
        root: Folder of the recording.
        rig_file: Description of its sensors; None means ``rig.yaml`` in ``root``.
        out_dir: Folder of ``{prefix}_infos_{split}.pkl`` and of images without
            distortion; None means ``root``.
        prefix: Prefix of the names of the info files.
        poses: "kiss-icp" computes poses, whatever the rig file has.
        workers: Number of processes that undistort images; 0 uses this one.
        progress: Whether to show progress bars.

    Returns:
        The files, with sentences on all that the recording lacks.

    Raises:
        FileNotFoundError: If the folder, the rig file or a file that it names is
            missing.
        PermissionError: If ``out_dir`` cannot be written to.
        BlockingIOError: If another process writes to it.
        RigError: If the rig file is wrong, or does not fit the files.
        BrokenFileError: If an image with distortion cannot be read.
    """
    check_at_least("--workers", workers, 0)
    safe_name(prefix, "--prefix")
    root = Path(root).absolute()
    if not root.is_dir():
        raise FileNotFoundError(f"No recording at {root}; give its folder as --root.")
    rig_file = Path(rig_file or root / RIG).absolute()
    out_dir = make_writable_folder("--out-dir", out_dir or root)
    with lock_folder("--out-dir", out_dir):
        remove_leftovers(out_dir)
        rig = read_rig(rig_file)
        if poses is not None:
            rig = replace(rig, poses=Poses(poses))
        conversion = _Conversion(rig, root, out_dir, progress)
        conversion.check()
        conversion.undistort(workers)
        command = ["python", "tools/create_data.py", "folder", "--root", str(root)]
        command += ["--rig", str(rig_file), "--out-dir", str(out_dir), "--prefix", prefix]
        command += [] if poses is None else ["--poses", poses]
        return conversion.write(prefix, shlex.join(command))


class _Conversion:
    """The steps of a conversion and what they share."""

    def __init__(self, rig: Rig, root: Path, out_dir: Path, progress: bool) -> None:
        self._rig, self._root, self._out_dir, self._progress = rig, root, out_dir, progress
        recordings = read_recordings(rig, root)
        self._layout: PointLayout = make_layout(rig.lidar)
        self._scenes: dict[str, SceneData] = {
            x.scene: load_scene(rig, root, x, self._poses_of(x)) for x in recordings
        }
        self.converted = Converted()
        frames = [frame for x in recordings for frame in _frames_of(rig, x)]
        frames = self._leave_out_broken(frames)
        self.converted.add_absences(find_gaps(rig, recordings))
        frames, absences = check_pairs(rig, recordings, frames)
        self.converted.add_absences(absences)
        self._splits, remarks = split_frames(rig, frames)
        self.converted.remarks += remarks
        self._frames = [frame for part in self._splits.values() for frame in part]

    def _leave_out_broken(self, frames: list[FrameFiles]) -> list[FrameFiles]:
        with self._bar("files", 2 * len(frames)) as bar:
            self._sizes, faults = measure_images(self._root, frames, bar.update)
            faults |= find_broken_sweeps(self._root, frames, self._layout, bar.update)
        frames, absences = leave_out_broken(self._rig, frames, faults)
        self.converted.add_absences(absences)
        return frames

    def _poses_of(self, recording: Recording) -> Poses | None:
        """Return where the poses of a scene are; compute them first if asked to."""
        poses = self._rig.poses
        if poses is None or poses.format != KISS_ICP:
            return poses
        path = self._out_dir / POSES_FOLDER / f"{_scene_name(recording)}.txt"
        return provide_poses(
            self._rig, self._root, recording, self._layout, path, progress=self._progress
        )

    def check(self) -> None:
        """Check points, images and calibrations of some or all frames.

        Raises:
            RigError: If one of them contradicts the rig file.
        """
        rig = self._rig
        first = {frame.scene: frame for frame in reversed(self._frames)}
        for frame in first.values():
            self._read(frame)
        self._check_axes()
        for camera in rig.cameras:
            having = [frame for frame in self._frames if camera.name in frame.images]
            if not having:
                raise RigError(
                    f"{rig.path}: splits: no frame with an image of {camera.name} is in a split; "
                    "correct the splits, or leave the camera out."
                )
            places = np.unique(np.linspace(0, len(having) - 1, _NUM_CHECKED).astype(int))
            views = [self._view(having[place], camera.name) for place in places]
            where = f"{rig.path}: cameras.{camera.name}"
            self.converted.remarks.append(check_shares(camera, views, where))
            self.converted.remarks += self._describe_intrinsics(camera.name)
        self._check_sizes()

    def _check_axes(self) -> None:
        by_scene: dict[str, list[FrameFiles]] = {}
        for frame in self._frames:
            by_scene.setdefault(frame.source, []).append(frame)
        found = [
            text
            for source, frames in by_scene.items()
            for text in check_axes(self._rig, self._scenes[source], frames)
        ]
        self.converted.warnings += dict.fromkeys(found)  # once, not per scene

    def undistort(self, workers: int) -> None:
        """Write images without distortion that are not there yet."""
        jobs = {}
        for frame in self._frames:
            for name, image in frame.images.items():
                lens = self._scenes[frame.source].cameras[name].lens
                if lens is not None:
                    target = (
                        self._out_dir / UNDISTORTED_FOLDER / name / undistorted_path(frame, name)
                    )
                    jobs[target] = Job(self._root / image.path, target, lens)
        for parent in {target.parent for target in jobs}:
            make_inner_folder(self._out_dir, parent)
        if jobs:
            made = undistort_all(list(jobs.values()), workers, progress=self._progress)
            folder = self._out_dir / UNDISTORTED_FOLDER
            self.converted.remarks.append(
                f"Undistorted {made} images into {folder}; {len(jobs) - made} existed already."
            )

    def write(self, prefix: str, command: str) -> Converted:
        """Write the info files; all of them appear at the end."""
        maker, converted = EntryMaker(self._layout), self.converted
        metainfo = make_metainfo(
            "folder",
            _VERSION,
            command,
            categories={},
            data_prefix=self._data_prefix(),
            has_poses=self._rig.poses is not None,
        )
        with ExitStack() as files, self._bar("frames", len(self._frames)) as bar:
            for split, frames in self._splits.items():
                path = self._out_dir / f"{prefix}_infos_{split}.pkl"
                writer = files.enter_context(InfoWriter(path, metainfo))
                for frame in frames:
                    bar.update()
                    entry = maker.make(frame, self._scenes[frame.source])
                    if entry is not None:
                        writer.append({"sample_idx": writer.num_samples} | entry)
                if not writer.num_samples:
                    raise RigError(f"{self._rig.path}: no frame of {split} has a pose.")
                converted.num_samples[split] = writer.num_samples
                converted.paths[split] = path
                converted.excerpts.append(writer.excerpt)
            converted.add_absences(
                check_missing(self._rig, absence, "complete the poses, or raise poses.max_gap_s")
                for absence in maker.absences(len(self._frames))
            )
        lidar2ego = self._scenes[self._frames[0].source].lidar2ego
        converted.extrinsics = describe_rig_extrinsics(self._rig, lidar2ego)
        converted.remarks += self._describe_off()
        absent = [split for split in (TRAIN, VAL) if split not in converted.paths]
        converted.remarks += find_stale_files(self._out_dir, prefix, absent)
        return converted

    def _describe_intrinsics(self, name: str) -> list[str]:
        """Return remarks on intrinsics of a camera that look wrong."""
        found = (scene.cameras[name] for scene in self._scenes.values() if name in scene.cameras)
        doubts = [find_intrinsics_doubt(x.cam2img.tolist(), *x.size) for x in found]
        where = f"{self._rig.path}: cameras.{name}.intrinsics"
        return [f"{where} {doubt}." for doubt in dict.fromkeys(doubts) if doubt]

    def _describe_off(self) -> list[str]:
        """Return what is mirrored, and what is unavailable without cameras or poses."""
        remarks = []
        axes = self._rig.lidar.axes
        if is_left_handed(axes):
            remarks.append(
                f"lidar.axes [{', '.join(axes)}] are left-handed, as in simulators: points, "
                "extrinsics and poses are mirrored. If no simulator made them, correct a name."
            )
        if not self._rig.cameras:
            remarks.append("No cameras: PRC and other methods of points alone can be trained.")
        if self._rig.poses is None:
            remarks.append(
                "No poses: frames have no earlier sweeps, and the motion between the times of a "
                "sweep and of an image is not compensated."
            )
        return remarks

    def _data_prefix(self) -> dict[str, str]:
        undistorted = {
            name
            for scene in self._scenes.values()
            for name, camera in scene.cameras.items()
            if camera.lens is not None
        }
        folders = {
            camera.name: f"{INFO_ROOT}/{UNDISTORTED_FOLDER}/{camera.name}"
            if camera.name in undistorted
            else ""
            for camera in self._rig.cameras
        }
        return {"pts": "", **folders}

    def _read(self, frame: FrameFiles) -> Points:
        path, where = self._root / frame.sweep.path, f"{self._rig.path}: lidar"
        return check_points(path, self._rig.lidar, self._layout, where)

    def _view(self, frame: FrameFiles, name: str) -> CameraPoints:
        camera = self._scenes[frame.source].cameras[name]
        points = self._read(frame)[:, :3].astype(float)
        return CameraPoints(points, camera.lidar2cam, camera.inverted, camera.cam2img, camera.size)

    def _check_sizes(self) -> None:
        """Check the size of each image."""
        for frame in self._frames:
            for name, image in frame.images.items():
                expected = self._scenes[frame.source].cameras[name].size
                where = f"{self._rig.path}: cameras.{name}"
                check_image_size(self._root / image.path, self._sizes[image.path], expected, where)

    def _bar(self, what: str, total: int) -> Any:
        return tqdm(desc=what, total=total, disable=not self._progress)


def _frames_of(rig: Rig, recording: Recording) -> Iterator[FrameFiles]:
    yield from make_frames(recording, rig.frames, _scene_name(recording))


def _scene_name(recording: Recording) -> str:
    return plain_name(recording.scene or "drive")
