"""User errors become one line; other errors keep their traceback."""

import argparse
from pathlib import Path

import numpy as np
import pytest
from torch.utils.data import DataLoader, Dataset

from perception_kd.engine.command_line import add_run_options, explain_error
from perception_kd.io.workers import run_jobs
from perception_kd.superpixels.backends import get_backend
from perception_kd.utils.checks import check_shape


class BrokenDataset(Dataset[None]):
    """Fails in a worker: as this package says it, or as a bug would."""

    def __init__(self, bug: bool) -> None:
        self.bug = bug

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> None:
        if self.bug:
            int("bug")
        check_shape("points", np.zeros((2, 4)), ("N", 3))


def explain_worker_error(bug: bool) -> str | None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011  # its text is the test
        list(DataLoader(BrokenDataset(bug), num_workers=1))
    return explain_error(caught.value)


def test_errors_of_the_package_are_one_line() -> None:
    with pytest.raises(ValueError, match="points") as caught:
        check_shape("points", np.zeros((2, 4)), ("N", 3))
    assert explain_error(caught.value) == "points must have shape (N, 3), but got (2, 4)."


def test_errors_in_a_worker_are_the_same_line() -> None:
    assert explain_worker_error(bug=False) == "points must have shape (N, 3), but got (2, 4)."


def test_a_bug_keeps_its_traceback() -> None:
    assert explain_worker_error(bug=True) is None
    with pytest.raises(ValueError, match="invalid literal") as caught:
        int("bug")
    assert explain_error(caught.value) is None
    assert explain_error(TypeError("bug")) is None


def test_a_missing_file_is_one_line_wherever_it_is_read() -> None:
    with pytest.raises(FileNotFoundError) as caught:
        Path("/no/such/file").read_text()
    assert "/no/such/file" in str(explain_error(caught.value))


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(NotADirectoryError) as caught:
        (file / "folder").mkdir(parents=True)
    assert str(file) in str(explain_error(caught.value))


@pytest.mark.slow
def test_user_errors_of_worker_processes_are_explained() -> None:
    with pytest.raises(ValueError, match="backend") as caught:
        list(run_jobs(get_backend, ["no_such_backend"], workers=1))
    assert explain_error(caught.value) == str(caught.value)
    with pytest.raises(ValueError, match="invalid literal") as caught:
        list(run_jobs(int, ["text"], workers=1))
    assert explain_error(caught.value) is None


def test_a_path_among_options_is_taken_as_it_is(tmp_path: Path) -> None:
    parser = argparse.ArgumentParser()
    add_run_options(parser)
    path = tmp_path / "a b, [1]" / "epoch_1.pth"
    path.parent.mkdir()
    path.touch()
    given = [f"model.teacher={path}", "a.b=[1,2]", "c=3", "d=no/such, file"]
    options = parser.parse_args(["--cfg-options", *given]).cfg_options
    assert options == {"model.teacher": str(path), "a.b": [1, 2], "c": 3, "d": ["no/such", "file"]}
