"""Info files of SemanticKITTI."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from perception_kd.calibration.extrinsics import Extrinsics
from perception_kd.datasets.calibration_checks import (
    find_intrinsics_doubt,
    find_intrinsics_fault,
    read_image_head,
)
from perception_kd.datasets.conversion import Converted, find_stale_files
from perception_kd.datasets.remarks import Remarks
from perception_kd.datasets.semantickitti.labels import SEMANTICKITTI_CLASSES
from perception_kd.datasets.semantickitti.options import SequenceOptions
from perception_kd.datasets.semantickitti.sequence_checks import (
    check_labels,
    check_mount,
    check_sequence,
    find_usable_scans,
)
from perception_kd.datasets.semantickitti.sequence_files import (
    SequenceCalibration,
    find_root,
    list_scans,
    read_calibration,
    read_poses,
    read_times,
)
from perception_kd.datasets.semantickitti.splits import SEMANTICKITTI_SEQUENCES, format_sequences
from perception_kd.geometry.rigid import invert_rigid
from perception_kd.io.atomic import make_writable_folder, remove_leftovers
from perception_kd.io.info_writer import make_metainfo, write_info
from perception_kd.io.lock import lock_folder
from perception_kd.io.names import safe_name
from perception_kd.structures import Array, InfoEntry

CAMERA = "CAM2"
_IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg")
_NO_IMAGE = "scans without an image, which is missing or empty"
_REMEDY = "unpack image_2, or leave images out with --no-cameras"


def convert_semantickitti(
    root: str | Path,
    out_dir: str | Path | None = None,
    prefix: str = "semantickitti",
    splits: dict[str, Sequence[int]] | None = None,
    options: SequenceOptions | None = None,
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
        options: Content of the entries, layout of points.
        progress: Show a progress bar.

    Raises:
        BlockingIOError: If another process writes to ``out_dir``.
        FileNotFoundError: If there is no sequence, or a sequence lacks its calibration,
            its times or all images.
        PermissionError: If ``out_dir`` cannot be written to.
        ValueError: If a file of a sequence cannot be what it is read as, or a sequence
            is in two splits.
    """
    root, options = find_root(root), options or SequenceOptions()
    safe_name(prefix, "--prefix")
    asked = splits or SEMANTICKITTI_SEQUENCES
    _check_splits(asked)
    out_dir = make_writable_folder("--out-dir", out_dir or root)
    with lock_folder("--out-dir", out_dir):
        remove_leftovers(out_dir)
        converted, remarks = Converted(), Remarks()
        cameras = (CAMERA,) if options.images else ()
        for split, sequences in asked.items():
            present = [x for x in sequences if list_scans(root, x)]
            missing = [x for x in sequences if x not in present]
            converted.skipped |= {format_sequences([x]): "not on disk" for x in missing}
            if not present:
                continue
            path = out_dir / f"{prefix}_infos_{split}.pkl"
            metainfo = make_metainfo(
                "semantickitti",
                "1.0",
                _command(root, out_dir, prefix, splits, options),
                categories={name: i for i, name in enumerate(SEMANTICKITTI_CLASSES)},
                data_prefix=dict.fromkeys(("pts", *cameras, "pts_semantic_mask"), ""),
            )
            samples = _samples(root, present, options, remarks, progress)
            excerpt = write_info(path, metainfo, samples)
            converted.num_samples[split] = excerpt.num_samples
            converted.paths[split] = path
            converted.excerpts.append(excerpt)
        if not converted.paths:
            raise FileNotFoundError(
                f"{root / 'sequences'} has no scan of the requested sequences "
                f"{' '.join(converted.skipped)}; give another --root or other sequences."
            )
        converted.remarks += remarks.lines()
        converted.extrinsics[CAMERA] = Extrinsics(
            f"{root / 'sequences'}/*/calib.txt: Tr",
            "does it lead from the camera to the LiDAR?",
            "replace it by its inverse: it must lead from the LiDAR to camera 0",
        )
        absent = [split for split in asked if split not in converted.paths]
        converted.remarks += find_stale_files(out_dir, prefix, absent)
        return converted


def _check_splits(splits: Mapping[str, Sequence[int]]) -> None:
    split_of: dict[int, str] = {}
    for split, sequences in splits.items():
        for sequence in sequences:
            if split_of.setdefault(sequence, split) != split:
                raise ValueError(
                    f"Sequence {sequence:02d} is in the splits {split_of[sequence]} and {split}; a "
                    "sequence must be in one, as results on known sequences mean nothing."
                )


def _samples(
    root: Path,
    sequences: Sequence[int],
    options: SequenceOptions,
    remarks: Remarks,
    progress: bool,
) -> Iterator[InfoEntry]:
    scans_of = {x: list_scans(root, x) for x in sequences}
    total, index = sum(map(len, scans_of.values())), 0
    with tqdm(desc="samples", total=total, disable=not progress) as bar:
        for scans in scans_of.values():
            sequence = scans[0].parent.parent
            calibration = read_calibration(sequence / "calib.txt")
            poses = read_poses(sequence / "poses.txt", calibration.lidar2cam0)
            times = read_times(sequence / "times.txt")
            usable = find_usable_scans(scans, options, remarks)
            check_sequence(usable, poses, times, options, remarks)
            if poses is None:
                what = (
                    "sequences without poses.txt (each frame stands alone; no earlier sweeps, "
                    "nor anything else that needs the motion of the vehicle)"
                )
                remarks.add(what, str(sequence))
            if options.images:
                check_mount(calibration, sequence / "calib.txt", remarks)
                _check_images(usable)
            for scan in usable:
                frame = int(scan.stem)
                pose = np.eye(4) if poses is None else poses[frame]
                sample = _sample(root, scan, calibration, pose, times[frame], options, remarks)
                yield {"sample_idx": index} | sample
                index += 1
                bar.update()
    if most := remarks.find_most():
        raise FileNotFoundError(f"{root}: {most}")


def _sample(
    root: Path,
    scan: Path,
    calibration: SequenceCalibration,
    lidar2global: Array,
    time: float,
    options: SequenceOptions,
    remarks: Remarks,
) -> InfoEntry:
    sequence = scan.parent.parent
    token = f"{sequence.name}_{scan.stem}"
    layout: dict[str, Any] = {"num_pts_feats": options.num_columns}
    if options.dtype != "float32":
        layout["dtype"] = options.dtype
    sample: InfoEntry = {
        "token": token,
        "scene_token": sequence.name,
        "scene_name": sequence.name,
        "timestamp": time,
        "ego2global": lidar2global.tolist(),
        "lidar_points": {
            **layout,
            "lidar_path": scan.relative_to(root).as_posix(),
            "lidar2ego": np.eye(4).tolist(),
            "sample_data_token": f"{token}_velodyne",
            "timestamp": time,
            "ego2global": lidar2global.tolist(),
        },
        "images": {},
        "instances": [],
    }
    if options.images:
        remarks.add_total(_NO_IMAGE, 1, _REMEDY)
    if options.images and (path := _find_image(scan)):
        img = _image(root, scan, path, calibration, time, remarks)
        sample["images"][CAMERA] = img | {"ego2global": lidar2global.tolist()}
    elif options.images:
        remarks.add(_NO_IMAGE, str(scan))
    labels = sequence / "labels" / f"{scan.stem}.label"
    if labels.is_file():
        check_labels(labels, scan, options, remarks)
        sample["pts_semantic_mask_path"] = labels.relative_to(root).as_posix()
    return sample


def _find_image(scan: Path) -> Path | None:
    """Return the image of a scan; None if it is missing or empty."""
    folder = scan.parent.parent / "image_2"
    found = [folder / f"{scan.stem}{suffix}" for suffix in _IMAGE_SUFFIXES]
    return next((path for path in found if path.is_file() and path.stat().st_size), None)


def _check_images(scans: Sequence[Path]) -> None:
    """Check that a sequence has images.

    Raises:
        FileNotFoundError: If no scan has one.
    """
    if not any(_find_image(scan) for scan in scans):
        raise FileNotFoundError(
            f"Scans such as {scans[0]} must have images in {scans[0].parent.parent / 'image_2'}, "
            ".png or .jpg, but none has; unpack image_2 there, or leave images out with "
            "--no-cameras."
        )


def _image(
    root: Path,
    scan: Path,
    path: Path,
    calibration: SequenceCalibration,
    time: float,
    remarks: Remarks,
) -> dict[str, Any]:
    """Return the entry of a scan's image, without the pose of the vehicle."""
    sequence = scan.parent.parent
    (width, height), orientation = read_image_head(path)
    if orientation != 1:
        what = "images with an EXIF orientation, which is ignored: pixels are used as stored"
        remarks.add(what, f"{path} (orientation {orientation})")
    if fault := find_intrinsics_fault(calibration.cam2img.tolist(), width, height):
        raise ValueError(
            f"P2 of {sequence / 'calib.txt'} {fault}; {path} has {width} x {height} px."
        )
    if doubt := find_intrinsics_doubt(calibration.cam2img.tolist(), width, height):
        remarks.add("images whose P2 looks wrong", f"{path}: P2 of calib.txt {doubt}")
    return {
        "img_path": path.relative_to(root).as_posix(),
        "height": height,
        "width": width,
        "cam2img": calibration.cam2img.tolist(),
        "sample_data_token": f"{sequence.name}_{scan.stem}_image_2",
        "timestamp": time,
        "cam2ego": invert_rigid(calibration.lidar2cam).tolist(),
        "lidar2cam": calibration.lidar2cam.tolist(),
    }


def _command(
    root: Path,
    out_dir: Path,
    prefix: str,
    splits: dict[str, Sequence[int]] | None,
    options: SequenceOptions,
) -> str:
    command = ["python", "tools/create_data.py", "semantickitti", "--root", str(root)]
    command += ["--out-dir", str(out_dir), "--prefix", prefix]
    for split, sequences in (splits or {}).items():
        command += [f"--{split}-sequences", *(str(x) for x in sequences)]
    return shlex.join([*command, *options.as_words()])
