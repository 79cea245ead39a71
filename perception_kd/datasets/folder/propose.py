"""A first rig file for a folder: what could be found, and comments on the rest."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from perception_kd.datasets.calibration_checks import read_image_size
from perception_kd.datasets.folder.axes_guess import guess_axes, list_telling, name_stored_axis
from perception_kd.datasets.folder.calibration_search import Candidate, choose, list_candidates
from perception_kd.datasets.folder.constants import RIG, TOLERANCE_S
from perception_kd.datasets.folder.points import INTENSITY_MAX
from perception_kd.datasets.folder.rig import LIDAR_AXES, SCENE
from perception_kd.datasets.folder.rig_sensors import LENGTHS_M
from perception_kd.datasets.folder.survey import FileGroup, Survey, survey
from perception_kd.datasets.folder.time_guess import guess_times
from perception_kd.geometry.rigid import invert_rigid
from perception_kd.io.atomic import write_whole
from perception_kd.io.errors import BrokenFileError
from perception_kd.io.point_files.readers import POINT_FORMATS
from perception_kd.io.point_files.summary import propose_layout, summarize_points
from perception_kd.structures import Array

_SURE = 0.3  # difference of two cosines
_COLUMNS = ("x", "y", "z", "intensity", "ring")


def propose_rig(root: str | Path, path: str | Path | None = None) -> Path:
    """Write a first rig file; an existing file is never changed.

    Args:
        root: Folder of the recording.
        path: File to write; None means ``rig.yaml`` in ``root``.

    Returns:
        The file.

    Raises:
        FileExistsError: If there is a file.
        FileNotFoundError: If the folder, or any point cloud in it, is missing.
        PermissionError: If the file cannot be written.
    """
    root = Path(root).absolute()
    path = Path(path or root / RIG).absolute()
    if not root.is_dir():
        raise FileNotFoundError(f"No recording at {root}; give its folder as --root.")
    if path.exists():
        raise FileExistsError(f"{path} exists and stays as it is; give another --rig to propose.")
    found = survey(root)
    if not found.clouds:
        raise FileNotFoundError(
            f"No point cloud below {root}; files of these formats are read: "
            f"{', '.join(POINT_FORMATS)}. Give another --root, or convert the files."
        )
    try:
        write_whole(path, _Proposal(root, found).text().encode())
    except OSError as error:
        raise PermissionError(
            f"Cannot write {path}: {error.strerror}. Give another file as --rig."
        ) from error
    return path


class _Proposal:
    """The text of a first rig file."""

    def __init__(self, root: Path, found: Survey) -> None:
        self._root, self._found = root, found
        self._lidar = found.clouds[0]
        scenes = {*self._lidar.files}
        self._cameras = [x for x in found.images if {*x.files} & scenes]
        self._names = _camera_names(self._cameras)
        self._candidates = self._find_candidates()
        self._sources = [
            self._find_source(*pair) for pair in zip(self._names, self._cameras, strict=True)
        ]
        self._directions = agree_on_directions([source.votes for source in self._sources])

    def text(self) -> str:
        lines = [
            f"# Proposed from the files in {self._root}.",
            "# Check each line: docs/your_data.md explains the keys.",
            "# Lines marked with ? could not be found.",
            "",
            *self._times(),
            "",
            *self._describe_lidar(),
            "",
            *self._describe_cameras(),
            "",
            f"frames: {{tolerance_s: {TOLERANCE_S}}}",
            "# ? poses, if there are any: poses: {format: tum, file: poses.txt, of: lidar}",
            "# For validation, the end of the recording: splits: {val_share: 0.1, guard_s: 10}",
        ]
        return "\n".join(lines) + "\n"

    def _times(self) -> list[str]:
        value, comment = guess_times(self._root, self._lidar, self._found.tables)
        self._default_times = value
        return [f"times: {value}{_comment(comment)}"]

    def _describe_lidar(self) -> list[str]:
        lines = ["lidar:", f'  files: "{self._lidar.pattern}"  # {self._lidar.count} files']
        lines += self._describe_points(self._root / self._lidar.first)
        lines += self._describe_axes()
        lines += [
            f"  # not used: {group.pattern}, {group.count} files"
            for group in self._found.clouds[1:]
        ]
        return lines

    def _describe_points(self, path: Path) -> list[str]:
        try:
            fields, proposal = summarize_points(path).fields, propose_layout(path)
        except (BrokenFileError, ValueError, ImportError, OSError) as error:
            return [f"  # ? {' '.join(str(error).split())}"]
        layout = proposal.layout
        lines = [f"  # {note}" for note in proposal.notes]
        columns = layout.columns or ()
        if isinstance(fields[0].name, int):
            others = (f"column{i}" for i in range(len(_COLUMNS) + 1, len(fields) + 1))
            lines.append(f"  columns: [{', '.join([*_COLUMNS, *others][: len(fields)])}]")
        else:
            lines.append(f"  # fields of the files: {', '.join(str(x.name) for x in fields)}")
            if columns[:3] != ("x", "y", "z"):
                lines.append(f"  position: [{', '.join(map(str, columns[:3]))}]")
            if columns[3] not in (None, "intensity"):
                lines.append(f"  intensity: {columns[3]}")
        if columns[3] is None:
            lines.append("  intensity: none")
        else:
            largest = {field.name: field.largest for field in fields}[columns[3]]
            full = INTENSITY_MAX / layout.intensity_scale
            lines.append(
                f"  intensity_max: {full:g}  # those of the first file reach {largest:.3g}"
            )
        if layout.dtype != "float32":
            lines.append(f"  dtype: {layout.dtype}")
        lines += [f"  unit: {name}" for name, size in LENGTHS_M.items() if size == layout.unit != 1]
        return lines

    def _describe_axes(self) -> list[str]:
        cameras = {
            name: lidar2cam(source.transform, direction)
            for name, source, direction in zip(
                self._names, self._sources, self._directions, strict=True
            )
            if source.transform is not None
        }
        axes = guess_axes(cameras)
        if axes is None:
            return [
                f"  # ? axes, where x, y and z of the points point: [{', '.join(LIDAR_AXES)}] if",
                "  # not given. Regions and maps need them; the names of cameras do not show them.",
                *(
                    f"  # By its extrinsics, {name} looks along {name_stored_axis(matrix[2, :3])}."
                    for name, matrix in cameras.items()
                ),
            ]
        return [f"  axes: [{', '.join(axes)}]  # by the names of {list_telling(cameras)}"]

    def _describe_cameras(self) -> list[str]:
        if not self._cameras:
            return ["# ? cameras: no images were found beside the point clouds"]
        lines = ["cameras:"]
        for name, group, source, direction in zip(
            self._names, self._cameras, self._sources, self._directions, strict=True
        ):
            lines += self._describe_camera(name, group, source, direction)
        return lines

    def _find_source(self, name: str, group: FileGroup) -> "_Source":
        others = [x for x in self._names if x != name]
        names = group.folder_names
        intrinsics = choose([x for x in self._candidates if x.is_intrinsics()], names, others)
        transform = choose([x for x in self._candidates if x.is_transform()], names, others)
        size = self._size(group)
        votes = 0.0 if transform is None else uprightness(transform)
        return _Source(size, intrinsics, transform, votes)

    def _describe_camera(
        self, name: str, group: FileGroup, source: "_Source", direction: str
    ) -> list[str]:
        size = "size unknown" if source.size is None else "{} x {} px".format(*source.size)
        lines = [f'  "{name}":', f'    files: "{group.pattern}"  # {group.count} files, {size}']
        value, comment = guess_times(self._root, group, self._found.tables)
        if value != self._default_times and not value.startswith("{from: csv"):
            lines.append(f"    times: {value}{_comment(comment)}")
        if source.intrinsics is None:
            lines.append("    # ? intrinsics: {fx: ..., fy: ..., cx: ..., cy: ...}")
        else:
            lines.append(f"    intrinsics: {self._reference(source.intrinsics)}")
        lines.append("    # ? distortion, if there is any: {model: opencv, coefficients: [...]}")
        if source.transform is None:
            lines.append(
                "    # ? lidar2cam or cam2lidar: {translation: [...], quaternion_wxyz: [...]}"
            )
        else:
            why = "the other direction is not upright" if source.votes else "? or its inverse"
            lines.append(f"    {direction}: {self._reference(source.transform)}  # {why}")
        return lines

    def _find_candidates(self) -> list[Candidate]:
        scenes = list(self._lidar.files)
        # Other scenes have the same files again.
        files = [
            file for file in self._found.calibrations if not {*scenes[1:]} & {*file.split("/")}
        ]
        return list_candidates(self._root, files)

    def _reference(self, candidate: Candidate) -> str:
        scene = next(iter(self._lidar.files))
        parts = [SCENE if scene and x == scene else x for x in candidate.file.split("/")]
        return f'{{file: "{"/".join(parts)}", key: "{candidate.key}"}}'

    def _size(self, group: FileGroup) -> tuple[int, int] | None:
        try:
            return read_image_size(self._root / group.first)
        except (ValueError, OSError):
            return None


@dataclass(frozen=True)
class _Source:
    """Calibration found for a camera.

    Attributes:
        size: Width and height of its images in px, or None.
        intrinsics: Its intrinsics, or None.
        transform: Its extrinsics, or None.
        votes: Positive if they are lidar2cam, negative for cam2lidar, 0 if unknown.
    """

    size: tuple[int, int] | None
    intrinsics: Candidate | None
    transform: Candidate | None
    votes: float


def lidar2cam(transform: Candidate, direction: str) -> Array:
    """Return extrinsics as ``lidar2cam``, (4, 4).

    Args:
        transform: The extrinsics.
        direction: "lidar2cam" or "cam2lidar", which they are.
    """
    matrix = np.eye(4)
    matrix[:3] = np.reshape(transform.numbers, (-1, 4))[:3]
    return matrix if direction == "lidar2cam" else invert_rigid(matrix)


def uprightness(transform: Candidate) -> float:
    """Return how much more upright a camera is by a transform than by its inverse.

    Args:
        transform: Extrinsics of a camera, of unknown direction.

    Returns:
        Positive if they are lidar2cam, negative for cam2lidar, and 0 if both may be.
    """
    rotation = np.reshape(transform.numbers, (-1, 4))[:3, :3]
    votes = float(rotation[2, 1] - rotation[1, 2])
    return votes if abs(votes) > _SURE else 0.0


def agree_on_directions(votes: Sequence[float]) -> list[str]:
    """Return the direction of each camera; undecided ones follow the others.

    Args:
        votes: One for each camera, as :func:`uprightness` returns it.
    """
    usual = sum(votes)
    return ["cam2lidar" if (vote or usual) < 0 else "lidar2cam" for vote in votes]


def _camera_names(groups: Sequence[FileGroup]) -> list[str]:
    """Return a different name for each group: that of its folder, or of two."""
    names: list[str] = []
    for group in groups:
        folders = [x for x in group.folder_names if x != SCENE] or ["camera"]
        name = folders[0]
        twins = [x for x in groups if x is not group and x.folder_names[:1] == folders[:1]]
        if twins and len(folders) > 1:
            name = f"{folders[1]}_{name}"
        name = "".join(char if char.isalnum() or char in "._+-" else "_" for char in name)
        names.append(name if name not in names else f"{name}_{len(names)}")
    return names


def _comment(text: str) -> str:
    return f"  # {text}" if text else ""
