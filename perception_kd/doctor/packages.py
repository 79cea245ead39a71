"""Checks of installed packages: versions, and parts that fail silently or late."""

import contextlib
import importlib.metadata
import platform
import re
import subprocess
from collections.abc import Iterator

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from perception_kd.doctor.finding import Finding, Level
from perception_kd.utils.project_files import find_project_files

_AREA = "environment"
_NAME = "perception-kd"
_PINS = find_project_files() / "requirements" / "cpu-py311.txt"
# Named last where all is well, since their versions decide most.
_SHOWN = ("torch", "mmengine", "mmcv", "mmdet", "mmdet3d", "numpy", "nuscenes-devkit")
_REMEDY = "create the tested environment: make env"


def check_packages() -> Iterator[Finding]:
    """Yield findings on Python and all required packages, one line if all is well."""
    try:
        metadata = importlib.metadata.metadata(_NAME)
        requirements = importlib.metadata.requires(_NAME) or []
    except importlib.metadata.PackageNotFoundError:
        yield _error("perception_kd is not installed.", remedy="run: pip install --no-deps -e .")
        return
    yield from check_python(platform.python_version(), metadata["Requires-Python"] or "")
    faults = [fault for text in requirements for fault in check_requirement(text)]
    yield from faults
    if not any(fault.level is Level.ERROR for fault in faults):
        shown = ", ".join(f"{name} {found}" for name in _SHOWN if (found := installed(name)))
        yield Finding(Level.OK, _AREA, f"All required packages are in their ranges: {shown}.")
    yield from _compare_with_pins()


def installed(name: str) -> str | None:
    """Return the version of an installed package, or None."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def check_python(version: str, supported: str) -> Iterator[Finding]:
    """Yield the finding on the version of Python.

    Args:
        version: Version of the interpreter.
        supported: Range of versions, as in ``python_requires``.
    """
    if Version(version) in SpecifierSet(supported):
        yield Finding(Level.OK, _AREA, f"Python {version}.")
    else:
        yield _error(f"Python must be {supported}, but got {version}.")


def check_requirement(text: str) -> Iterator[Finding]:
    """Yield a finding if a required package is missing or has another version.

    Packages of optional features may be missing.

    Args:
        text: Requirement as in the metadata of a package.
    """
    requirement = Requirement(text)
    is_optional = "extra ==" in str(requirement.marker or "")
    if not is_optional and requirement.marker and not requirement.marker.evaluate():
        return
    version = installed(requirement.name)
    if version is None:
        if not is_optional:
            yield _error(
                f"The package {requirement.name} is missing.",
                f"pip install '{requirement.name}{requirement.specifier}', or {_REMEDY}",
            )
    elif not requirement.specifier.contains(version, prereleases=True):
        yield Finding(
            Level.WARNING if is_optional else Level.ERROR,
            _AREA,
            f"{requirement.name} must be {requirement.specifier}, but got {version}.",
            remedy=f"pip install '{requirement.name}{requirement.specifier}', or {_REMEDY}",
        )


def _compare_with_pins() -> Iterator[Finding]:
    """Yield the packages whose version is not the one that the tests ran with."""
    if not _PINS.is_file():
        return
    pins = dict(re.findall(r"^([\w.-]+)==(\S+)", _PINS.read_text(), flags=re.MULTILINE))
    names = {Requirement(text).name for text in importlib.metadata.requires(_NAME) or []}
    differing = [
        f"{name} {version}, tested {pins[name]}"
        for name in sorted(names & pins.keys())
        if (version := installed(name)) and version.partition("+")[0] != pins[name]
    ]
    if differing:
        what = f"In range, but other versions than the tests ran with: {'; '.join(differing)}."
        yield Finding(Level.OK, _AREA, what, str(_PINS))


def check_sparse_convolution() -> Iterator[Finding]:
    """Yield the backend of sparse convolutions, after both passes of one on a CPU."""
    # Imports torch.
    from perception_kd.ops.sparse.backend import provide_sparse_convolution

    try:
        backend = provide_sparse_convolution()
    except (ImportError, ValueError) as error:
        yield _error(str(error), "set or unset PERCEPTION_KD_SPARSE_CONV as the message says")
        return
    if backend.name == "spconv":
        yield from _check_spconv()
    else:
        yield from check_own_sparse_convolution(backend.reason)


def check_own_sparse_convolution(reason: str) -> Iterator[Finding]:
    """Yield the finding on sparse convolutions without spconv.

    Args:
        reason: Why spconv is not used.
    """
    finding = next(_try_sparse_convolution("Sparse convolution in torch operations"))
    if finding.level is not Level.OK:
        yield finding
        return
    yield Finding(
        Level.WARNING,
        _AREA,
        f"Sparse convolutions of MinkUNet and voxel networks are computed in torch operations, "
        f"not by spconv: {reason}. They are right on any device, but slower.",
        remedy="install 'spconv>=2.3.6,<2.4', or spconv-cu120 with a GPU, if there is one for "
        "this machine",
    )


def _check_spconv() -> Iterator[Finding]:
    import spconv.pytorch

    from perception_kd.ops.sparse.cpu_kernels import TESTED_VERSIONS

    kernel = getattr(spconv.pytorch.ops.indice_conv, "cpu_kernel", None)
    if kernel is None:
        yield _error(
            "spconv's own CPU kernels are active, which are sometimes silently wrong.",
            "import perception_kd.ops before networks are built",
        )
    elif spconv.__version__ not in TESTED_VERSIONS:
        yield Finding(
            Level.WARNING,
            _AREA,
            f"spconv is {spconv.__version__}; on a CPU, sparse convolutions raise an error.",
            remedy=f"install spconv {' or '.join(TESTED_VERSIONS)}, use a GPU, or set the "
            "environment variable PERCEPTION_KD_SPARSE_CONV to torch",
        )
    else:
        what = f"spconv {spconv.__version__} with this project's CPU kernels"
        yield from _try_sparse_convolution(what)


def _try_sparse_convolution(what: str) -> Iterator[Finding]:
    import torch
    from spconv.pytorch import SparseConvTensor, SubMConv3d

    layer = SubMConv3d(2, 3, 3, bias=False)
    feats = torch.tensor([[1.0, 2.0]], requires_grad=True)
    voxel = torch.zeros(1, 4, dtype=torch.int32)
    try:
        out = layer(SparseConvTensor(feats, voxel, [3, 3, 3], 1)).features
        out.sum().backward()
    except Exception as error:
        yield _error(f"A sparse convolution on a CPU failed: {_first_line(error)}", _REMEDY)
        return
    # A single voxel meets only the center of the kernel.
    center = layer.weight[:, 1, 1, 1].detach()
    is_right = torch.allclose(out.detach(), feats.detach() @ center.T, atol=1e-6)
    grad = torch.zeros(1, 2) if feats.grad is None else feats.grad
    if is_right and torch.allclose(grad, center.sum(dim=0), atol=1e-6):
        yield Finding(Level.OK, _AREA, f"{what} computes right.")
    else:
        yield _error("A sparse convolution on a CPU gives wrong results.", _REMEDY)


def check_cuda() -> Iterator[Finding]:
    """Yield findings on the GPU, and on the CUDA of torch, mmcv and spconv."""
    import torch

    built, driver = torch.version.cuda, read_driver()
    if built is None and driver is None:
        yield Finding(Level.OK, _AREA, "No GPU and a CPU build of torch: runs use the CPU.")
    elif built is None:
        yield Finding(
            Level.WARNING,
            _AREA,
            f"There is a GPU (driver {driver}), but torch {torch.__version__} is a CPU build.",
            remedy="install torch for CUDA, and spconv-cu120 in place of spconv",
        )
    elif not torch.cuda.is_available():
        yield _error(
            f"torch is built for CUDA {built}, but finds no GPU "
            f"({'no NVIDIA driver' if driver is None else f'driver {driver}'}).",
            "check that `nvidia-smi` works and its CUDA version is not older than torch's; in a "
            "container, start it with the GPUs",
        )
    else:
        yield from _check_devices(built, driver)
    yield from _check_mmcv(built)
    yield from check_spconv_build(built)


def read_driver() -> str | None:
    """Return the version of the NVIDIA driver, or None without one."""
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20)
        return done.stdout.split("\n")[0].strip() or None
    return None


def _check_devices(built: str, driver: str | None) -> Iterator[Finding]:
    import torch

    for index in range(torch.cuda.device_count()):
        major, minor = torch.cuda.get_device_capability(index)
        name = torch.cuda.get_device_name(index)
        known = torch.cuda.get_arch_list()
        if any(re.fullmatch(rf"(sm|compute)_{major}\d+a?", arch) for arch in known):
            what = f"GPU {index}: {name}, driver {driver}, torch for CUDA {built}."
            yield Finding(Level.OK, _AREA, what)
        else:
            yield _error(
                f"torch has no kernels for GPU {index}, {name} (sm_{major}{minor}); it has "
                f"{', '.join(known)}.",
                "install a build of torch for this GPU",
            )


def _check_mmcv(torch_cuda: str | None) -> Iterator[Finding]:
    remedy = f"compile mmcv again with MMCV_WITH_OPS=1 beside this torch, or {_REMEDY}"
    try:
        from mmcv.ops import get_compiling_cuda_version

        cuda = str(get_compiling_cuda_version())
    except Exception as error:
        yield _error(f"The operations of mmcv cannot be imported: {_first_line(error)}", remedy)
        return
    has_cuda = re.match(r"\d", cuda) is not None
    if torch_cuda is not None and not has_cuda:
        yield _error("mmcv was compiled without CUDA, but torch with it.", remedy)
    elif torch_cuda is not None and _major(cuda) != _major(torch_cuda):
        yield _error(f"mmcv was compiled for CUDA {cuda}, but torch for {torch_cuda}.", remedy)
    else:
        where = f"for CUDA {cuda}" if has_cuda else "for a CPU"
        yield Finding(Level.OK, _AREA, f"The operations of mmcv are compiled {where}.")


def check_spconv_build(torch_cuda: str | None) -> Iterator[Finding]:
    """Yield a finding if spconv is built for another CUDA than torch.

    Args:
        torch_cuda: CUDA version of torch; None for a CPU build.
    """
    names = sorted(
        name
        for distribution in importlib.metadata.distributions()
        if re.fullmatch(r"spconv(-cu\d+)?", name := (distribution.metadata["Name"] or "").lower())
    )
    if len(set(names)) > 1:
        yield _error(
            f"Several packages provide spconv, which overwrite each other: {', '.join(names)}.",
            f"pip uninstall {' '.join(names)}, then install one of them",
        )
    elif names and torch_cuda is not None:
        wanted = _major(torch_cuda)
        if not names[0].startswith(f"spconv-cu{wanted}"):
            yield _error(
                f"torch is built for CUDA {torch_cuda}, but {names[0]} is not.",
                f"pip uninstall {names[0]}, then install the spconv-cu{wanted}* of your CUDA",
            )


def _major(version: str) -> str:
    return version.split(".")[0]


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _error(what: str, remedy: str = _REMEDY) -> Finding:
    return Finding(Level.ERROR, _AREA, what, remedy=remedy)
