"""The tools of this version: ``python -m perception_kd train CONFIG``."""

import runpy
import sys

from perception_kd.utils.project_files import find_project_files


def start_tool() -> None:
    """Run the tool that the first argument names, with the others."""
    tools = {path.stem: path for path in sorted((find_project_files() / "tools").glob("*.py"))}
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name not in tools:
        is_help = name in ("-h", "--help")
        text = f"usage: python -m perception_kd {{{','.join(tools)}}} ...\n"
        (sys.stdout if is_help else sys.stderr).write(text)
        sys.exit(0 if is_help else 2)
    sys.argv = [str(tools[name]), *sys.argv[2:]]
    runpy.run_path(str(tools[name]), run_name="__main__")


if __name__ == "__main__":
    start_tool()
