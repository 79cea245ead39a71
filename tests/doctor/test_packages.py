"""Checks of installed packages."""

import pytest
import spconv.pytorch

from perception_kd.doctor import packages
from perception_kd.doctor.finding import Finding, Level
from perception_kd.ops.sparse import backend


def levels(findings: list[Finding]) -> list[Level]:
    return [finding.level for finding in findings]


def test_the_tested_environment_has_no_errors() -> None:
    assert set(levels(list(packages.check_packages()))) == {Level.OK}


@pytest.mark.parametrize(
    ("requirement", "level", "text"),
    [
        ("numpy>=1", None, ""),
        ("numpy<1", Level.ERROR, "numpy must be <1, but got 1."),
        ("no-such-package>=2", Level.ERROR, "The package no-such-package is missing."),
        ("numpy>=99; extra == 'vit'", Level.WARNING, "numpy must be >=99"),
        ("no-such-package; extra == 'vit'", None, ""),
        ("no-such-package; python_version < '3'", None, ""),
    ],
)
def test_a_requirement_is_compared(requirement: str, level: Level | None, text: str) -> None:
    found = list(packages.check_requirement(requirement))
    assert levels(found) == ([] if level is None else [level])
    assert all(text in finding.what and "pip install" in finding.remedy for finding in found)


def test_an_untested_python_is_an_error() -> None:
    assert levels(list(packages.check_python("3.9.1", ">=3.10,<3.13"))) == [Level.ERROR]


def test_sparse_convolution_is_tried() -> None:
    (finding,) = packages.check_sparse_convolution()
    assert finding.level is Level.OK


@pytest.mark.parametrize(
    ("kernel", "text"),
    [
        (None, "own CPU kernels are active"),
        (lambda features, *_, **__: features, "failed"),
        (lambda features, *_, **__: features.new_zeros(1, 3), "gives wrong results"),
    ],
)
def test_wrong_sparse_convolution_is_an_error(
    kernel: object, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ops = spconv.pytorch.ops

    def convolve(features: object, *args: object, **kwargs: object) -> object:
        assert callable(kernel)
        return kernel(features, *args, **kwargs)

    if kernel is not None:
        convolve.cpu_kernel = kernel  # type: ignore[attr-defined]
    monkeypatch.setattr(ops, "indice_conv", convolve)
    (finding,) = packages.check_sparse_convolution()
    assert finding.level is Level.ERROR
    assert text in finding.what


def test_an_untested_spconv_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spconv, "__version__", "2.9.0")
    (finding,) = packages.check_sparse_convolution()
    assert finding.level is Level.WARNING
    assert "install spconv 2.3.8" in finding.remedy


def test_sparse_convolution_without_spconv_is_a_warning() -> None:
    (finding,) = packages.check_own_sparse_convolution("spconv cannot be imported (no GLIBC)")
    assert finding.level is Level.WARNING
    assert "not by spconv: spconv cannot be imported (no GLIBC)" in finding.what
    assert "install 'spconv" in finding.remedy


def test_a_wrong_choice_of_sparse_convolution_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(backend.VARIABLE, "minkowski")
    uncached = backend.provide_sparse_convolution.__wrapped__
    monkeypatch.setattr(backend, "provide_sparse_convolution", uncached)
    (finding,) = packages.check_sparse_convolution()
    assert finding.level is Level.ERROR
    assert "must be one of auto, spconv, torch, but got minkowski" in finding.what


def test_spconv_without_cuda_beside_torch_with_cuda_is_an_error() -> None:
    (finding,) = packages.check_spconv_build("12.6")
    assert finding.level is Level.ERROR
    assert "install the spconv-cu12*" in finding.remedy
    assert not list(packages.check_spconv_build(None))


def test_a_gpu_beside_a_cpu_build_of_torch_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "read_driver", lambda: "550.54")
    monkeypatch.setattr("torch.version.cuda", None)
    first, *_ = packages.check_cuda()
    assert first.level is Level.WARNING
    assert "driver 550.54" in first.what


def test_a_torch_for_cuda_without_a_driver_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "read_driver", lambda: None)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.version.cuda", "12.6")
    first, *others = packages.check_cuda()
    assert first.level is Level.ERROR
    assert "no NVIDIA driver" in first.what
    assert any("mmcv was compiled without CUDA" in finding.what for finding in others)
