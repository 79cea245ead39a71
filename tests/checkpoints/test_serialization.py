"""Only the types that checkpoints may hold are allowed."""

import importlib
import os
import pickle
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer

import perception_kd.checkpoints
from perception_kd.checkpoints.serialization import allow_mmengine_checkpoints


@pytest.fixture(autouse=True)
def _restore_allowed_types() -> Iterator[None]:
    before = torch.serialization.get_safe_globals()
    yield
    torch.serialization.clear_safe_globals()
    torch.serialization.add_safe_globals(before)


class Attack:
    """Runs a command where it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.marker}",)


class AttributeAttack:
    """Reaches for an attribute that leads to everything else."""

    def __reduce__(self) -> tuple[Any, ...]:
        return getattr, (HistoryBuffer, "__init__")


def save(folder: Path, content: Any) -> Path:
    path = folder / "checkpoint.pth"
    torch.save(content, path)
    return path


def test_a_log_history_needs_the_allow_list(tmp_path: Path) -> None:
    path = save(tmp_path, {"loss": HistoryBuffer([1.0, 2.0], [1, 3])})
    torch.serialization.clear_safe_globals()
    with pytest.raises(pickle.UnpicklingError):
        torch.load(path)
    allow_mmengine_checkpoints()
    history = torch.load(path)["loss"]
    assert history.mean() == pytest.approx((1 * 1 + 2 * 1) / 4)
    assert [values.tolist() for values in history.data] == [[1.0, 2.0], [1, 3]]
    assert history.statistics("max") == 2


@pytest.mark.parametrize(
    "dtype", ["bool", "int8", "uint8", "int16", "int32", "int64", "float16", "float32", "float64"]
)
def test_arrays_and_scalars_of_every_usual_type_load(tmp_path: Path, dtype: str) -> None:
    allow_mmengine_checkpoints()
    values = np.array([0, 1], dtype=dtype)
    loaded = torch.load(save(tmp_path, {"array": values, "scalar": values[1]}))
    assert loaded["array"].dtype == values.dtype
    assert np.array_equal(loaded["array"], values)
    assert loaded["scalar"] == values[1]


def test_arrays_written_under_numpy_2_load(tmp_path: Path) -> None:
    allow_mmengine_checkpoints()
    path = save(tmp_path, {"array": np.arange(3.0), "scalar": np.float64(7)})
    renamed = tmp_path / "numpy2.pth"
    old, new = b"numpy.core.multiarray", b"numpy._core.multiarray"
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(renamed, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            assert old in content or not name.endswith("data.pkl")
            target.writestr(name, content.replace(old, new))
    loaded = torch.load(renamed)
    assert loaded["array"].tolist() == [0, 1, 2]
    assert loaded["scalar"] == 7


def test_code_in_a_checkpoint_is_still_refused(tmp_path: Path) -> None:
    allow_mmengine_checkpoints()
    path = save(tmp_path, {"state_dict": Attack(tmp_path / "marker")})
    with pytest.raises(pickle.UnpicklingError):
        torch.load(path)
    assert not (tmp_path / "marker").exists()


def test_attributes_other_than_the_statistics_are_refused(tmp_path: Path) -> None:
    allow_mmengine_checkpoints()
    path = save(tmp_path, {"state_dict": AttributeAttack()})
    with pytest.raises(pickle.UnpicklingError, match="must not read attributes"):
        torch.load(path)


def test_importing_the_package_allows_the_types() -> None:
    torch.serialization.clear_safe_globals()
    importlib.reload(perception_kd.checkpoints)
    assert HistoryBuffer in torch.serialization.get_safe_globals()
