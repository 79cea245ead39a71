"""Info files of SemanticKITTI."""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image
from tqdm import tqdm

from perception_kd.datasets.semantickitti.labels import SEMANTICKITTI_CLASSES
from perception_kd.datasets.semantickitti.splits import SEMANTICKITTI_SEQUENCES, format_sequences
from perception_kd.geometry.rigid import Array, invert_rigid, make_rigid
from perception_kd.io.atomic import make_writable_folder
from perception_kd.io.info_writer import make_metainfo, write_info
from perception_kd.structures import InfoEntry

CAMERA = "CAM2"
NUM_POINT_FEATURES = 4  # x, y, z, intensity


class Calibration(NamedTuple):
    """Calibration of the LiDAR and the left color camera of a sequence.

    Attributes:
        lidar2cam0: From the LiDAR to the left gray camera, the frame of the poses,
            (4, 4).
        lidar2cam: From the LiDAR to the left color camera, (4, 4).
        cam2img: Intrinsics of the left color camera in px, (3, 3).
    """

    lidar2cam0: Array
    lidar2cam: Array
    cam2img: Array


@dataclass
class Converted:
    """Result of a conversion.

    Attributes:
        paths: Info file by split.
        num_samples: Number of samples by split.
        missing: Numbers of the sequences without scans.
    """

    paths: dict[str, Path] = field(default_factory=dict)
    num_samples: dict[str, int] = field(default_factory=dict)
    missing: list[int] = field(default_factory=list)


def convert_semantickitti(
    root: str | Path,
    out_dir: str | Path | None = None,
    prefix: str = "semantickitti",
    splits: dict[str, Sequence[int]] | None = None,
    *,
    progress: bool = True,
) -> Converted:
    """Write the info files of SemanticKITTI, one per split.

    Args:
        root: Folder with ``sequences`` or ``dataset/sequences``.
        out_dir: Folder of ``{prefix}_infos_{split}.pkl``; None means the parent folder
            of ``sequences``.
        prefix: Prefix of the file names.
        splits: Numbers of the sequences by split; the official ones if None.
        progress: Show a progress bar.

    Raises:
        FileNotFoundError: If there is no sequence, or a sequence lacks a file.
        PermissionError: If ``out_dir`` cannot be written to.
        ValueError: If a file of a sequence is broken.
    """
    root = find_root(root)
    out_dir = make_writable_folder("--out-dir", out_dir or root)
    converted = Converted()
    for split, sequences in (splits or SEMANTICKITTI_SEQUENCES).items():
        present = [x for x in sequences if _scans(root, x)]
        converted.missing += [x for x in sequences if x not in present]
        if not present:
            continue
        path = out_dir / f"{prefix}_infos_{split}.pkl"
        metainfo = make_metainfo(
            "semantickitti",
            "1.0",
            _command(root, out_dir, prefix, splits),
            categories={name: i for i, name in enumerate(SEMANTICKITTI_CLASSES)},
            data_prefix={"pts": "", CAMERA: "", "pts_semantic_mask": ""},
        )
        samples = _samples(root, present, progress)
        converted.num_samples[split] = write_info(path, metainfo, samples)
        converted.paths[split] = path
    if not converted.paths:
        raise FileNotFoundError(
            f"{root / 'sequences'} has no scan of the requested sequences "
            f"{format_sequences(converted.missing)}; give another --root or other sequences."
        )
    return converted


def find_root(root: str | Path) -> Path:
    """Return the folder that has ``sequences``: ``root`` itself or its ``dataset``.

    Raises:
        FileNotFoundError: If neither has.
    """
    for candidate in (Path(root).absolute(), Path(root).absolute() / "dataset"):
        if (candidate / "sequences").is_dir():
            return candidate
    raise FileNotFoundError(
        f"--root must have a folder sequences or dataset/sequences, but {root} has neither; "
        "give another --root."
    )


def read_calibration(path: Path) -> Calibration:
    """Read ``calib.txt`` of a sequence.

    ``Tr`` maps the LiDAR to camera 0. The fourth column of ``P2 = K [I | t]`` gives the
    position of camera 2 beside it: ``t = inv(K) @ P2[:, 3]``.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If P2 or Tr is missing or does not have twelve numbers.
    """
    rows = {}
    for line in _read_lines(path):
        name, _, row = line.partition(":")
        rows[name.strip()] = row
    projection, tr = (
        _parse_numbers(rows.get(name, ""), 12, f"{name} of {path}").reshape(3, 4)
        for name in ("P2", "Tr")
    )
    lidar2cam0 = np.vstack([tr, [0, 0, 0, 1]])
    cam2img = projection[:, :3]
    cam0_to_cam = make_rigid(np.eye(3), np.linalg.solve(cam2img, projection[:, 3]))
    return Calibration(lidar2cam0, cam0_to_cam @ lidar2cam0, cam2img)


def read_poses(path: Path, lidar2cam0: Array) -> list[Array]:
    """Read ``poses.txt`` of a sequence as poses of the LiDAR.

    Args:
        path: Poses of camera 0 in the first frame's camera 0, twelve numbers per line.
        lidar2cam0: From the LiDAR to camera 0, shape (4, 4).

    Returns:
        By frame, from the LiDAR to the first frame's LiDAR, shape (4, 4).

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If a line has not twelve numbers.
    """
    poses = []
    for number, line in enumerate(_read_lines(path)):
        numbers = _parse_numbers(line, 12, f"Line {number + 1} of {path}")
        cam02first = np.vstack([numbers.reshape(3, 4), [0, 0, 0, 1]])
        poses.append(invert_rigid(lidar2cam0) @ cam02first @ lidar2cam0)
    return poses


def read_times(path: Path) -> list[float]:
    """Read ``times.txt`` of a sequence: seconds since the first frame.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If a line is not one number.
    """
    lines = enumerate(_read_lines(path))
    return [_parse_numbers(line, 1, f"Line {i + 1} of {path}").item() for i, line in lines]


def _samples(root: Path, sequences: Sequence[int], progress: bool) -> Iterator[InfoEntry]:
    scans = [path for x in sequences for path in _scans(root, x)]
    sequence = Path()
    for index, scan in enumerate(tqdm(scans, desc="samples", disable=not progress)):
        if scan.parent.parent != sequence:
            sequence = scan.parent.parent
            calibration = read_calibration(sequence / "calib.txt")
            poses = read_poses(sequence / "poses.txt", calibration.lidar2cam0)
            times = read_times(sequence / "times.txt")
        frame = int(scan.stem)
        if frame >= min(len(poses), len(times)):
            raise ValueError(
                f"{sequence} must have a pose and a time for each scan, but for {scan.name} "
                f"there are {len(poses)} poses and {len(times)} times."
            )
        yield {"sample_idx": index} | _sample(root, scan, calibration, poses[frame], times[frame])


def _sample(
    root: Path, scan: Path, calibration: Calibration, lidar2global: Array, time: float
) -> InfoEntry:
    sequence = scan.parent.parent
    img = sequence / "image_2" / f"{scan.stem}.png"
    if not img.is_file():
        raise FileNotFoundError(f"Scan {scan} must have an image, but there is no {img}.")
    with Image.open(img) as header:
        width, height = header.size
    token = f"{sequence.name}_{scan.stem}"
    sample: InfoEntry = {
        "token": token,
        "scene_token": sequence.name,
        "scene_name": sequence.name,
        "timestamp": time,
        "ego2global": lidar2global.tolist(),
        "lidar_points": {
            "num_pts_feats": NUM_POINT_FEATURES,
            "lidar_path": scan.relative_to(root).as_posix(),
            "lidar2ego": np.eye(4).tolist(),
            "sample_data_token": f"{token}_velodyne",
            "timestamp": time,
            "ego2global": lidar2global.tolist(),
        },
        "images": {
            CAMERA: {
                "img_path": img.relative_to(root).as_posix(),
                "height": height,
                "width": width,
                "cam2img": calibration.cam2img.tolist(),
                "sample_data_token": f"{token}_image_2",
                "timestamp": time,
                "cam2ego": invert_rigid(calibration.lidar2cam).tolist(),
                "ego2global": lidar2global.tolist(),
                "lidar2cam": calibration.lidar2cam.tolist(),
            }
        },
        "instances": [],
    }
    labels = sequence / "labels" / f"{scan.stem}.label"
    if labels.is_file():
        sample["pts_semantic_mask_path"] = labels.relative_to(root).as_posix()
    return sample


def _scans(root: Path, sequence: int) -> list[Path]:
    # Archives from a Mac also have files named ._000000.bin.
    return sorted((root / "sequences" / f"{sequence:02d}" / "velodyne").glob("[0-9]*.bin"))


def _read_lines(path: Path) -> list[str]:
    if not path.is_file():
        raise FileNotFoundError(
            f"A sequence must have {path.name}, but there is no {path}; unpack the calibration "
            "and poses of KITTI odometry there."
        )
    return [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def _parse_numbers(text: str, count: int, where: str) -> Array:
    try:
        numbers = np.array(text.split(), dtype=float)
    except ValueError:
        numbers = np.zeros(0)
    if numbers.size != count:
        raise ValueError(
            f"{where} must be {count} numbers, but got {text.strip()!r}; unpack it again."
        )
    return numbers


def _command(
    root: Path, out_dir: Path, prefix: str, splits: dict[str, Sequence[int]] | None
) -> str:
    command = ["python", "tools/create_data.py", "semantickitti", "--root", str(root)]
    command += ["--out-dir", str(out_dir), "--prefix", prefix]
    for split, sequences in (splits or {}).items():
        command += [f"--{split}-sequences", *(str(x) for x in sequences)]
    return shlex.join(command)
