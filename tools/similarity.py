"""Show which points and pixels resemble a query point, in one PNG per query.

After a successful pre-training, the points and pixels of one car resemble each other.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from perception_kd.engine.commands.command_line import add_run_options, prepare_config, run_tool
from perception_kd.engine.commands.parser import ToolParser


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = ToolParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", help="config of the pre-training")
    parser.add_argument("checkpoint", help="file written by tools/train.py")
    parser.add_argument("--index", type=int, default=0, help="index in the test set (default: 0)")
    parser.add_argument(
        "--points",
        type=int,
        nargs="+",
        help="indices of query points (default: visible ones, far apart)",
    )
    parser.add_argument(
        "--num", type=int, default=4, help="number of query points without --points (default: 4)"
    )
    help_out = "folder of the images (default: WORK_DIR/similarity, or work_dirs/similarity)"
    parser.add_argument("--out-dir", type=Path, help=help_out)
    parser.add_argument(
        "--rerun",
        type=Path,
        metavar="FILE",
        help="record points, images and similarities for Rerun as well, *.rrd (extra: rerun)",
    )
    add_run_options(parser)
    args = parser.parse_args(argv)
    if args.out_dir is None:
        args.out_dir = Path(args.work_dir or "work_dirs", "similarity")
    return args


def draw(args: argparse.Namespace) -> None:
    """Write the images."""
    from perception_kd.engine.config.validation import check_test_file
    from perception_kd.engine.run.inference import (
        build_test_set,
        extract_features,
        load_pretrainer,
        pack,
        split_pipeline,
    )
    from perception_kd.io.atomic import make_writable_folder
    from perception_kd.visualization.similarity import (
        draw_similarity,
        similarity_to_point,
        spread_queries,
    )

    cfg = prepare_config(args, "test_dataloader")
    check_test_file(cfg)
    model = load_pretrainer(cfg, args.checkpoint)
    pipeline, packing = split_pipeline(cfg)
    dataset = build_test_set(cfg, pipeline)
    if not 0 <= args.index < len(dataset):
        raise ValueError(f"--index must be in 0..{len(dataset) - 1}, but got {args.index}.")
    make_writable_folder("--out-dir", args.out_dir)
    sample = dataset[args.index]
    point_feats, pixel_feats = extract_features(model, pack(sample, packing))

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
    if args.rerun:
        from perception_kd.experiments.report.scenes import record_similarity
        from perception_kd.visualization.rerun_file import RerunFile

        with RerunFile(args.rerun) as rerun_file:
            record_similarity(rerun_file, sample, point_feats, queries)
        print(args.rerun)


def main(argv: Sequence[str] | None = None) -> int:
    """Draw; user errors are reported as one line, without a traceback."""
    return run_tool(draw, lambda: parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
