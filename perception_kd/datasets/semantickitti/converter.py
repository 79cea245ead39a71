"""Info files of SemanticKITTI."""

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from perception_kd.datasets.conversion import Converted
from perception_kd.datasets.semantickitti.labels import SEMANTICKITTI_CLASSES
from perception_kd.datasets.semantickitti.sequence_files import (
    Calibration,
    find_root,
    list_scans,
    read_calibration,
    read_poses,
    read_times,
)
from perception_kd.datasets.semantickitti.splits import SEMANTICKITTI_SEQUENCES, format_sequences
from perception_kd.geometry.rigid import invert_rigid
from perception_kd.io.atomic import make_writable_folder
from perception_kd.io.info_writer import make_metainfo, write_info
from perception_kd.structures import Array, InfoEntry

CAMERA = "CAM2"
NUM_POINT_FEATURES = 4  # x, y, z, intensity


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
        present = [x for x in sequences if list_scans(root, x)]
        missing = [x for x in sequences if x not in present]
        converted.skipped |= {format_sequences([x]): "not on disk" for x in missing}
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
            f"{' '.join(converted.skipped)}; give another --root or other sequences."
        )
    return converted


def _samples(root: Path, sequences: Sequence[int], progress: bool) -> Iterator[InfoEntry]:
    scans = [path for x in sequences for path in list_scans(root, x)]
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


def _command(
    root: Path, out_dir: Path, prefix: str, splits: dict[str, Sequence[int]] | None
) -> str:
    command = ["python", "tools/create_data.py", "semantickitti", "--root", str(root)]
    command += ["--out-dir", str(out_dir), "--prefix", prefix]
    for split, sequences in (splits or {}).items():
        command += [f"--{split}-sequences", *(str(x) for x in sequences)]
    return shlex.join(command)
