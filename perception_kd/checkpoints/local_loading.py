"""Local files that mmengine loads are read as all others here: checked, and not run."""

from typing import Any

from mmengine.runner.checkpoint import CheckpointLoader

from perception_kd.checkpoints.reading import read_content


def load_from_local(filename: str, map_location: object = None) -> Any:
    """Read a checkpoint file for mmengine, onto the CPU.

    Args:
        filename: The file.
        map_location: Ignored: whoever takes the tensors moves them.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it cannot be read.
    """
    return read_content(filename)


def register_local_loading() -> None:
    """Make mmengine read local files with :func:`load_from_local`."""
    CheckpointLoader.register_scheme(prefixes="", loader=load_from_local, force=True)
