"""Imports of a start of a training, and those that others may still do."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import perception_kd
from perception_kd.registry import METRICS

ROOT = Path(__file__).parents[1]
UNUSED = ("mmdet3d.evaluation", "nuscenes", "pandas", "sklearn", "transformers")
START = f"""
import sys
import perception_kd.engine.run.launch
from perception_kd.registry import METRICS, MODELS

MODELS.get("MinkUNet"), METRICS.get("MeanOverBatches")
print(*(name for name in {UNUSED} if name in sys.modules))
assert METRICS.get("NuScenesDetMetric").__name__ == "NuScenesDetMetric"
"""


def test_the_start_of_a_training_imports_no_more_than_it_uses() -> None:
    command = [sys.executable, "-c", START]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "\n"


@pytest.mark.parametrize("name", ["NuScenesDetMetric", "perception_kd.NuScenesDetMetric"])
def test_a_late_metric_is_found_with_and_without_its_scope(name: str) -> None:
    found = METRICS.get(name)
    assert found.__module__ == "perception_kd.evaluation.metrics.nuscenes_det_metric"


def find_spec(package: str, importer: str) -> Any:
    """Look for a package as an import in a module of that name does."""
    finder = perception_kd._WithoutUnusedExtras()
    values = {"__name__": importer, "find_spec": finder.find_spec, "package": package}
    exec("found = find_spec(package)", values)
    return values["found"]


@pytest.mark.parametrize("package", ["sklearn", "transformers"])
def test_only_mmdet_and_mmengine_do_without_an_unused_package(package: str) -> None:
    for importer in ("mmdet.models.x", "mmengine.optim.x"):
        with pytest.raises(ModuleNotFoundError, match=f"No module named '{package}'"):
            find_spec(package, importer)
    for importer in ("__main__", "mmdetection", "perception_kd.models.backbones"):
        assert find_spec(package, importer) is None


def test_other_packages_are_left_to_mmdet() -> None:
    assert find_spec("matplotlib", "mmdet.models.x") is None
