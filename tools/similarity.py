"""Show where images and cloud resemble a point, after pre-training; one PNG a point.

A network that learned something finds the car's points alike, and the car's pixels.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from perception_kd.engine.command_line import add_run_options, prepare_config, run_command


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("config", help="config of the pre-training")
    parser.add_argument("checkpoint", help="file written by tools/train.py")
    parser.add_argument("--index", type=int, default=0, help="sample of the test set (0)")
    parser.add_argument(
        "--points", type=int, nargs="+", help="rows of the cloud (some visible, far apart)"
    )
    parser.add_argument("--num", type=int, default=4, help="how many to choose if not named (4)")
    parser.add_argument("--out-dir", type=Path, default=Path("work_dirs/similarity"))
    add_run_options(parser)
    return parser.parse_args(argv)


def load_batch(cfg: Any, index: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return one sample of the test set, before packing and as a batch of one."""
    from mmengine.dataset import pseudo_collate

    from perception_kd.registry import DATASETS, TRANSFORMS

    *pipeline, packing = cfg.test_dataloader.dataset.pipeline
    cfg.test_dataloader.dataset.pipeline = pipeline
    dataset = DATASETS.build(cfg.test_dataloader.dataset)
    if not 0 <= index < len(dataset):
        raise ValueError(f"--index must be in 0..{len(dataset) - 1}, but got {index}.")
    sample = dataset[index]
    return sample, pseudo_collate([TRANSFORMS.build(packing)(sample)])


def draw(args: argparse.Namespace) -> None:
    """Write the pictures."""
    import torch
    from mmengine.registry import init_default_scope

    from perception_kd.engine.checkpoint import load_pretrained
    from perception_kd.models.pretrainers.image_to_lidar import ImageToLidarPretrainer
    from perception_kd.registry import MODELS
    from perception_kd.visualization.similarity import (
        draw_similarity,
        similarity_to_point,
        spread_queries,
    )

    cfg = prepare_config(args, "test_dataloader")
    init_default_scope(cfg.default_scope)
    model: Any = MODELS.build(cfg.model).eval()
    is_pretrainer = isinstance(model, ImageToLidarPretrainer)
    if not is_pretrainer:
        raise ValueError(
            f"config must be of a pre-training from images, but {args.config} builds a "
            f"{type(model).__name__}; name the config that the checkpoint was trained with."
        )
    load_pretrained(model, args.checkpoint, min_share=1.0)
    sample, batch = load_batch(cfg, args.index)
    with torch.no_grad():
        inputs = model.data_preprocessor(batch)["inputs"]
        point_feats, pixel_feats = model(inputs, mode="tensor")

    paired = sample["pairing_points"]
    queries = args.points or spread_queries(sample["points"], paired, args.num)
    for query in queries:
        path = args.out_dir / f"{args.index:06d}_point{query:06d}.png"
        draw_similarity(
            similarity_to_point(query, point_feats.feats, pixel_feats),
            sample,
            query,
            path,
        )
        print(path)


def main(argv: Sequence[str] | None = None) -> int:
    """Draw; what the user can mend ends in one line."""
    return run_command(draw, parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
