"""Two stages whose scripts a test sets."""

import glob
import io
from pathlib import Path

from perception_kd.experiments.display import Display
from perception_kd.experiments.runner import StageRunner
from perception_kd.experiments.stages import Stage
from perception_kd.experiments.workspace import Workspace

# Logs its run in the file "runs", then writes its output: its input and its text.
WRITE = """
import pathlib, sys
folder, name, text, *options = sys.argv[1:]
with open(f"{folder}/runs", "a") as runs:
    runs.write(" ".join([name, *options]) + "\\n")
source = pathlib.Path(folder, "first.txt")
before = source.read_text() if name == "second" else ""
pathlib.Path(folder, f"{name}.txt").write_text(before + text)
"""


class ToyStages:
    """A first stage that writes a file, and a second one that reads it.

    Args:
        folder: Work dir, also the folder of the files.

    Attributes:
        texts: Text that each stage writes.
        scripts: Script that each stage runs.
        terminal: Output for the user.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.texts = {"first": "one", "second": "two"}
        self.scripts = {"first": WRITE, "second": WRITE}
        self.terminal = io.StringIO()

    def run(self) -> list[str]:
        """Run the stages; return the name and options of each one that was executed."""
        runs = self.folder / "runs"
        runs.unlink(missing_ok=True)
        runner = self.runner()
        runner.run([stage.name for stage in runner.stages])
        return runs.read_text().splitlines() if runs.exists() else []

    def runner(self) -> StageRunner:
        """Return a new runner, as another start of the program would make it."""
        stages = [self._stage("first"), self._stage("second", inputs=("first",))]
        workspace = Workspace(self.folder, self.folder / "data")
        return StageRunner(workspace, stages, Display(self.terminal))

    def output(self, name: str) -> Path:
        """Return the output file of a stage."""
        return self.folder / f"{name}.txt"

    def _stage(self, name: str, inputs: tuple[str, ...] = ()) -> Stage:
        return Stage(
            name=name,
            about=f"The {name} stage",
            command=("-c", self.scripts[name], str(self.folder), name, self.texts[name]),
            outputs=(glob.escape(str(self.output(name))),),
            inputs=inputs,
            resume=("--resume",),
        )
