"""The choice between spconv and the project's own sparse convolutions."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from mmengine import Config

from perception_kd.ops.sparse import backend
from perception_kd.ops.sparse.backend import (
    VARIABLE,
    SparseBackend,
    choose_backend,
    find_unsupported_device,
    is_compiled_for,
    provide_sparse_convolution,
)
from tests.fake_data.prepared import PreparedData
from tools import train

ROOT = Path(__file__).parents[3]
SMALL = (
    ROOT
    / "configs/lidarseg/lidarseg-finetune_minkunet-small_1xb2-adamw-cosine-20e_synthetic-1of10.py"
)
# Importing spconv fails, as where its libraries are missing.
WITHOUT_SPCONV = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("spconv", "cumm"):
            raise ImportError(f"{name}: cannot open shared object file")

sys.meta_path.insert(0, Refuse())
import perception_kd.models  # mmdet3d's layers come first in it
import torch
from perception_kd.registry import MODELS
from tools import train

encoder = MODELS.build(dict(type="mmdet3d.SparseEncoder", in_channels=4, sparse_shape=[41, 64, 64]))
voxels = torch.tensor([[0, 20, 30, 40], [1, 21, 30, 40]]).int()
encoder(torch.randn(2, 4), voxels, 2).sum().backward()
assert all(p.grad is not None and p.grad.isfinite().all() for p in encoder.parameters())
assert type(encoder.conv_input[0]).__module__ == "perception_kd.ops.sparse.layers"
sys.exit(train.main(sys.argv[1:]))
"""


def test_a_spconv_that_cannot_be_imported_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "spconv.pytorch", None)
    found = choose_backend("auto")
    assert found.name == "torch"
    assert found.reason.startswith("spconv cannot be imported (import of spconv.pytorch halted")
    with pytest.raises(ImportError, match=rf"halted.*, but {VARIABLE} is spconv; install the sp"):
        choose_backend("spconv")


def test_a_spconv_for_a_cpu_is_not_used_beside_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    constants = pytest.importorskip("spconv.cppconstants")
    monkeypatch.setattr(backend, "find_accelerator", lambda: "cuda")
    monkeypatch.setattr(constants, "CPU_ONLY_BUILD", True)
    assert choose_backend("auto") == SparseBackend(
        "torch", "the installed spconv has no kernels for cuda"
    )
    assert choose_backend("spconv").name == "spconv"


@pytest.mark.parametrize(
    ("device", "hip", "is_compiled", "unsupported"),
    [
        ("cuda", None, True, None),
        ("cuda", None, False, "GPUs of compute capability 12.0"),
        ("cuda", "6.2", True, "ROCm"),
        ("mps", None, True, "mps"),
        (None, None, False, None),
    ],
)
def test_a_spconv_without_kernels_for_the_gpu_is_not_used(
    device: str | None,
    hip: str | None,
    is_compiled: bool,
    unsupported: str | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    constants = pytest.importorskip("spconv.cppconstants")
    monkeypatch.setattr(constants, "CPU_ONLY_BUILD", False)
    monkeypatch.setattr(backend, "find_accelerator", lambda: device)
    monkeypatch.setattr("torch.version.hip", hip)
    monkeypatch.setattr("torch.cuda.get_device_capability", lambda: (12, 0))
    monkeypatch.setattr(backend, "is_compiled_for", lambda capability: is_compiled)
    assert find_unsupported_device() == unsupported
    found = choose_backend("auto")
    assert found.name == ("spconv" if unsupported is None else "torch")
    assert str(unsupported) in found.reason or unsupported is None


def test_the_build_says_which_gpus_it_is_for() -> None:
    pytest.importorskip("spconv")
    assert is_compiled_for((1, 0)) in (True, False)


def test_the_variable_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    assert choose_backend("torch").name == "torch"
    monkeypatch.setenv(VARIABLE, "minkowski")
    with pytest.raises(ValueError, match=r"must be one of auto, spconv, torch, but got minkowski"):
        provide_sparse_convolution.__wrapped__()


def test_layers_of_mmdet3d_that_were_imported_are_an_error() -> None:
    import mmdet3d.models.layers.spconv  # noqa: F401

    with pytest.raises(ImportError, match=r"here: no GPU\. Import perception_kd before mmdet3d"):
        backend._take_the_place_of_spconv(SparseBackend("torch", "no GPU"))


@pytest.mark.slow
def test_a_training_without_spconv_equals_one_with_it(
    prepared_synthetic: PreparedData, tmp_path: Path
) -> None:
    pytest.importorskip("spconv")
    assert Config.fromfile(SMALL).model.pts_backbone.type == "MinkUNet"
    options = [
        "train_cfg.max_epochs=1",
        "val_dataloader=None",
        "val_evaluator=None",
        "val_cfg=None",
    ]
    options += ["train_dataloader.num_workers=0", "train_dataloader.persistent_workers=False"]
    options += ["default_hooks.checkpoint.interval=1"]
    moments = []
    for name in ("with", "without"):
        arguments = [str(SMALL), *prepared_synthetic.options_for(SMALL)]
        arguments += ["--work-dir", str(tmp_path / name), "--cfg-options", *options]
        if name == "with":
            assert train.main(arguments) == 0
        else:
            command = [sys.executable, "-c", WITHOUT_SPCONV, *arguments]
            subprocess.run(command, check=True, cwd=ROOT)
        content = torch.load(tmp_path / name / "epoch_1.pth", weights_only=True)
        states = content["optimizer"]["state"].values()
        # A tenth of the gradients of the one step; AdamW makes steps of their signs.
        moments.append([state["exp_avg"] for state in states])
    assert len(moments[0]) > 50
    for found, expected in zip(moments[1], moments[0], strict=True):
        # Norms over a few voxels amplify the rounding.
        tolerance = 1e-2 * float(expected.abs().max()) + 1e-7
        torch.testing.assert_close(found, expected, rtol=1e-2, atol=tolerance)
