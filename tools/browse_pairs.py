"""Draw LiDAR points on images, with superpixel borders, in one PNG per sample.

If points lie on the objects that they hit, calibration, timestamps and transforms are
right: look at the edges of nearby objects. No display is needed.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from perception_kd.engine.commands.command_line import run_tool
from perception_kd.engine.commands.parser import ToolParser


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = ToolParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--info", type=Path, required=True, help="info file of tools/create_data.py")
    add("--data-root", type=Path, required=True, help="folder of the data set")
    add("--info-root", type=Path, help="folder of caches (default: that of the info file)")
    add("--superpixels", type=Path, help="folder of a superpixel cache")
    add("--augment", metavar="CONFIG", help="use the training pipeline of this config")
    add("--out-dir", type=Path, default=Path("work_dirs/browse_pairs"))
    add(
        "--num",
        type=int,
        default=4,
        help="number of samples, spread over the info file (default: 4)",
    )
    add("--seed", type=int, default=0, help="seed of the augmentation (default: 0)")
    add(
        "--max-distance",
        type=float,
        default=60.0,
        help="distance in m of the last color (default: 60)",
    )
    return parser.parse_args(argv)


def make_pipeline(args: argparse.Namespace) -> list[dict[str, Any]]:
    """Return the transforms of the options, without packing."""
    from perception_kd.engine.run.launch import read_config

    superpixels = str(args.superpixels.absolute()) if args.superpixels else None
    if args.augment is None:
        load = [dict(type="LoadPoints"), dict(type="LoadImages")]
        if superpixels:
            load.append(dict(type="LoadSuperpixels", cache=superpixels))
        return [*load, dict(type="PairPointsWithPixels")]
    steps = read_config(args.augment).train_dataloader.dataset.pipeline
    pipeline = [dict(step) for step in steps if not step["type"].startswith("Pack")]
    for step in pipeline:
        if step["type"] == "LoadSuperpixels" and superpixels:
            step.update(cache=superpixels, settings=None)
    return pipeline


def draw(args: argparse.Namespace) -> None:
    """Write the images."""
    import numpy as np

    from perception_kd.datasets.camera_lidar_dataset import CameraLidarDataset
    from perception_kd.io.atomic import make_writable_folder
    from perception_kd.io.images import write_image
    from perception_kd.visualization.pairs import draw_sample

    if args.num < 1:
        raise ValueError(f"--num must be at least 1, but got {args.num}.")
    info = args.info.absolute()
    dataset = CameraLidarDataset(
        str(info),
        str(args.data_root),
        str(args.info_root or info.parent),
        make_pipeline(args),
        seed=args.seed,
        test_mode=True,
    )
    out_dir = make_writable_folder("--out-dir", args.out_dir)
    num = min(args.num, len(dataset))
    for index in np.linspace(0, len(dataset) - 1, num).round().astype(int).tolist():
        sample = dataset[index]
        image = draw_sample(sample, args.max_distance)
        path = out_dir / f"{index:06d}_{sample['sample_token'].replace('/', '_')}.png"
        write_image(path, image)
        print(path)


def main(argv: Sequence[str] | None = None) -> int:
    """Draw; user errors are reported as one line, without a traceback."""
    return run_tool(draw, lambda: parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
