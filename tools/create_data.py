"""Prepare data: info files of public data sets, and caches made from images and sweeps.

Run ``python tools/create_data.py COMMAND --help`` for the options of a command.
"""

import argparse
import importlib
import sys
from collections.abc import Sequence

# A command's module has HELP, add_arguments(parser) and run(args).
COMMANDS = {
    "nuscenes": "perception_kd.datasets.nuscenes.converter",
    "regions": "perception_kd.regions.create",
    "semantickitti": "perception_kd.datasets.semantickitti.converter",
    "superpixels": "perception_kd.superpixels.create",
    "synthetic": "perception_kd.synthetic.create",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        0; 1 if the data or the options are at fault, which the error's text tells;
        130 if stopped by hand.
    """
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    argv = sys.argv[1:] if argv is None else argv
    # Only what is asked for is imported: a command does not need another's packages.
    names = [name for name in COMMANDS if name in argv] or list(COMMANDS)
    for name in names:
        module = importlib.import_module(COMMANDS[name])
        command = commands.add_parser(name, help=module.HELP, description=module.HELP)
        module.add_arguments(command)
        command.set_defaults(run=module.run)
    args = parser.parse_args(argv)
    try:
        args.run(args)
    except KeyboardInterrupt:
        return 130
    except (ImportError, OSError, ValueError) as error:
        print(f"create_data.py {args.command}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
