"""A first rig file for a folder: what could be found, and comments on the rest."""

from pathlib import Path

from perception_kd.datasets.calibration_checks import read_image_size
from perception_kd.datasets.folder.axes_guess import guess_axes, list_telling, name_stored_axis
from perception_kd.datasets.folder.calibration_search import Candidate, choose, list_candidates
from perception_kd.datasets.folder.camera_sources import (
    CameraSource,
    agree_on_directions,
    find_camera_source,
    lidar2cam,
    name_direction_of,
)
from perception_kd.datasets.folder.constants import RIG, TOLERANCE_S
from perception_kd.datasets.folder.points import INTENSITY_MAX
from perception_kd.datasets.folder.rig import LIDAR_AXES, SCENE
from perception_kd.datasets.folder.rig_sensors import LENGTHS_M
from perception_kd.datasets.folder.survey import FileGroup, Survey, name_groups, survey
from perception_kd.datasets.folder.time_guess import guess_times
from perception_kd.io.atomic import check_writable_file, write_whole
from perception_kd.io.errors import BrokenFileError
from perception_kd.io.point_files.readers import POINT_FORMATS
from perception_kd.io.point_files.summary import propose_layout, summarize_points

_COLUMNS = ("x", "y", "z", "intensity", "ring")


def propose_rig(root: str | Path, path: str | Path | None = None, lidar: str | None = None) -> Path:
    """Write a first rig file; an existing file is never changed.

    Args:
        root: Folder of the recording.
        path: File to write; None means ``rig.yaml`` in ``root``.
        lidar: Name of the LiDAR, where there are several; None takes the one with the
            most files.

    Returns:
        The file.

    Raises:
        FileExistsError: If there is a file.
        FileNotFoundError: If the folder, or any point cloud in it, is missing.
        ValueError: If there is no such LiDAR.
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
            f"{', '.join(POINT_FORMATS)}. Give another --root, or convert the files"
            f"{''.join(f' ({note})' for note in found.unread[:3])}."
        )
    names = name_groups(found.clouds, "lidar")
    if lidar is not None and lidar not in names:
        raise ValueError(
            f"--lidar is {lidar!r}, but the point clouds below {root} are those of "
            f"{', '.join(names)}; give one of them."
        )
    place = 0 if lidar is None else names.index(lidar)
    check_writable_file("--rig", path)
    write_whole(path, _Proposal(root, found, place).text().encode())
    return path


class _Proposal:
    """The text of a first rig file."""

    def __init__(self, root: Path, found: Survey, place: int) -> None:
        self._root, self._found, self._place = root, found, place
        self._lidar = found.clouds[place]
        self._lidars = name_groups(found.clouds, "lidar")
        scenes = {*self._lidar.files}
        self._cameras = [x for x in found.images if {*x.files} & scenes]
        self._names = name_groups(self._cameras, "camera")
        self._candidates = self._find_candidates()
        self._sources = [self._find_source(place) for place in range(len(self._cameras))]
        self._directions = agree_on_directions([source.votes for source in self._sources])

    def text(self) -> str:
        lines = [
            f"# Proposed from the files in {self._root}.",
            "# Check each line: docs/your_data.md explains the keys.",
            "# Lines marked with ? could not be found.",
            "",
            *self._times(),
            *(f"# {note}" for note in self._found.unread),
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
        lines += self._describe_mount()
        lines += [
            f"  # not used: {group.pattern}, {group.count} files; --lidar {name} proposes it"
            for name, group in zip(self._lidars, self._found.clouds, strict=True)
            if group is not self._lidar
        ]
        return lines

    def _describe_mount(self) -> list[str]:
        """Return where the LiDAR is in the vehicle, if a camera needs it."""
        if not any(source.is_of_ego for source in self._sources):
            return []
        mount = self._find_mount()
        if mount is None:
            return ["  # ? lidar2ego, which cam2ego needs: {translation: [...], rpy_deg: [...]}"]
        return [f"  lidar2ego: {self._transform(mount)}  # ? or its inverse"]

    def _find_mount(self) -> Candidate | None:
        own = [self._lidars[self._place], "lidar"]
        others = [name for name in self._lidars if name != own[0]]
        transforms = [x for x in self._candidates if x.is_transform and x.is_of_ego]
        return choose(transforms, own, others + self._names)

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

    def _find_source(self, place: int) -> CameraSource:
        """Return the calibration of a camera, by names that no other camera has."""
        groups = zip(self._names, self._cameras, strict=True)
        names = [[name, *group.folder_names] for name, group in groups]
        shared = [x for i, of_camera in enumerate(names) if i != place for x in of_camera]
        own = [x for x in names[place] if len(names) == 1 or x not in shared]
        others = [x for x in shared if x not in names[place]]
        others += [x for i, x in enumerate(self._lidars) if i != self._place]
        return find_camera_source(self._candidates, own, others)

    def _describe_camera(
        self, name: str, group: FileGroup, source: CameraSource, direction: str
    ) -> list[str]:
        lines = [f'  "{name}":', f'    files: "{group.pattern}"  # {self._describe_files(group)}']
        value, comment = guess_times(self._root, group, self._found.tables)
        if value != self._default_times:
            lines.append(f"    times: {value}{_comment(comment)}")
        if source.intrinsics is None:
            lines.append("    # ? intrinsics: {fx: ..., fy: ..., cx: ..., cy: ...}")
        else:
            lines.append(
                f"    intrinsics: {self._reference(source.intrinsics, source.intrinsics.key)}"
            )
        lines += self._describe_distortion(source)
        lines += self._describe_extrinsics(source, direction)
        return lines

    def _describe_distortion(self, source: CameraSource) -> list[str]:
        found = source.distortion
        if found is None or source.intrinsics is None:
            return ["    # ? distortion, if there is any: {model: opencv, coefficients: [...]}"]
        where = self._reference(source.intrinsics, found.key)
        guess = "? or fisheye; " * found.is_guess
        return [
            f"    distortion: {{model: {found.model}, coefficients: {where}}}"
            f"  # {guess}remove it if images are undistorted already"
        ]

    def _describe_extrinsics(self, source: CameraSource, direction: str) -> list[str]:
        transform = source.transform
        if transform is None:
            return ["    # ? lidar2cam or cam2lidar: {translation: [...], quaternion_wxyz: [...]}"]
        why = "the other direction is not upright" if source.votes else "? or its inverse"
        if name_direction_of(transform) * source.votes < 0:
            why = "? its name says the opposite, but the camera would not be upright then"
        value = self._transform(transform)
        if source.is_of_ego:
            direction = "ego2cam" if direction == "lidar2cam" else "cam2ego"
            if self._find_mount() is None:
                return [f"    # ? {direction}: {value}  # needs lidar2ego"]
        if source.rectification is not None:
            turn = source.rectification
            zero = "translation: [0, 0, 0]"
            value = f"[{value}, {{rotation: {self._reference(turn, turn.key)}, {zero}}}]"
        return [f"    {direction}: {value}  # {why}"]

    def _find_candidates(self) -> list[Candidate]:
        scenes = list(self._lidar.files)
        # Other scenes have the same files again.
        files = [
            file for file in self._found.calibrations if not {*scenes[1:]} & {*file.split("/")}
        ]
        return list_candidates(self._root, files)

    def _transform(self, found: Candidate) -> str:
        if not found.parts:
            return self._reference(found, found.key)
        parts = (f"{role}: {self._reference(found, key)}" for role, key in found.parts.items())
        return f"{{{', '.join(parts)}}}"

    def _reference(self, candidate: Candidate, key: str) -> str:
        scene = next(iter(self._lidar.files))
        parts = [SCENE if scene and x == scene else x for x in candidate.file.split("/")]
        return f'{{file: "{"/".join(parts)}", key: "{key}"}}'

    def _describe_files(self, group: FileGroup) -> str:
        try:
            size = read_image_size(self._root / group.first)
        except (ValueError, OSError):
            return f"{group.count} files, size unknown"
        return f"{group.count} files, {size[0]} x {size[1]} px"


def _comment(text: str) -> str:
    return f"  # {text}" if text else ""
