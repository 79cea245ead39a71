"""A chain of two stages that do what a test tells them to."""

import io
from pathlib import Path

from perception_kd.experiments.display import Display
from perception_kd.experiments.runner import Chain
from perception_kd.experiments.stages import Stage

# Notes its run in the file "runs", then writes its output: what it read and its text.
WRITE = """
import pathlib, sys
folder, name, text, *options = sys.argv[1:]
with open(f"{folder}/runs", "a") as runs:
    runs.write(" ".join([name, *options]) + "\\n")
source = pathlib.Path(folder, "first.txt")
before = source.read_text() if name == "second" else ""
pathlib.Path(folder, f"{name}.txt").write_text(before + text)
"""


class ToyChain:
    """A first stage writes a file, a second reads it and writes another.

    Args:
        folder: Work dir, and folder of the files.

    Attributes:
        texts: What each stage writes.
        scripts: What each stage runs.
        told: What a reader of the terminal would see.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.texts = {"first": "one", "second": "two"}
        self.scripts = {"first": WRITE, "second": WRITE}
        self.told = io.StringIO()

    def run(self) -> list[str]:
        """Run what is to be run; return name and options of each run."""
        runs = self.folder / "runs"
        runs.unlink(missing_ok=True)
        chain = self.chain()
        chain.run([stage.name for stage in chain.stages])
        return runs.read_text().splitlines() if runs.exists() else []

    def chain(self) -> Chain:
        """Return the chain, made anew as by another start of the program."""
        stages = [self._stage("first"), self._stage("second", inputs=("first",))]
        return Chain(self.folder, stages, Display(self.told))

    def output(self, name: str) -> Path:
        """Return the file that a stage writes."""
        return self.folder / f"{name}.txt"

    def _stage(self, name: str, inputs: tuple[str, ...] = ()) -> Stage:
        return Stage(
            name=name,
            about=f"The {name} stage",
            command=("-c", self.scripts[name], str(self.folder), name, self.texts[name]),
            outputs=(str(self.output(name)),),
            inputs=inputs,
            resume=("--resume",),
        )
