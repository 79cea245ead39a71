"""Sensors of a rig file: where their files, times and calibrations are."""

from collections.abc import Sequence
from pathlib import Path

from perception_kd.datasets.folder.calibration_values import Numbers, read_numbers
from perception_kd.datasets.folder.rig import (
    CAMERA_AXES,
    DIRECTIONS,
    LIDAR_AXES,
    SCENE,
    Camera,
    Lidar,
    Times,
)
from perception_kd.datasets.folder.sections import RigSection
from perception_kd.datasets.folder.transforms import RigidTransform, read_transform
from perception_kd.io.names import safe_name
from perception_kd.io.point_columns import POINT_DTYPES
from perception_kd.utils.checks import is_whole

UNITS = ("s", "ms", "us", "ns")
LENGTHS_M = {"m": 1.0, "cm": 0.01, "mm": 0.001}
# Numbers of coefficients by model, in OpenCV's order.
NUM_COEFFICIENTS = (4, 5, 8, 12, 14)
_DISTORTIONS: dict[str, tuple[int, ...]] = {
    "none": (),
    "opencv": NUM_COEFFICIENTS,
    "fisheye": (4,),
}
_EXTRINSIC_KEYS = ("lidar2cam", "cam2lidar", "cam2ego", "ego2cam")
_LONG_S = 1e9
_RESERVED = ("lidar", "pts", "pts_semantic_mask")
UNNAMED = (".bin", ".npy")  # files that do not name their columns


def read_time_source(section: RigSection) -> Times:
    """Read where the times of files come from."""
    source = section.choice("from", ("names", "csv", "order"))
    offset_s = section.number("offset_s", -_LONG_S, default=0.0)
    if source == "order":
        times = Times(source, rate_hz=section.number("rate_hz", 0.01, 1e4), offset_s=offset_s)
        section.close()
        return times
    names = source == "names"
    pattern = _read_pattern(section) if names else ""
    kinds = ["unit", "format", *(["rate_hz"] if names else [])]
    # The pattern of two numbers names their units.
    kind = section.one_of(*kinds) if "{s}" not in pattern or section.has(*kinds) else ""
    times = Times(
        source,
        pattern=pattern,
        unit=section.choice("unit", UNITS) if kind == "unit" else "s",
        format=section.text("format") if kind == "format" else "",
        rate_hz=section.number("rate_hz", 0.01, 1e4) if kind == "rate_hz" else 0.0,
        file="" if names else section.path_text("file"),
        time_column="" if names else read_column(section, "time_column"),
        name_column=""
        if names or not section.has("name_column")
        else read_column(section, "name_column"),
        offset_s=offset_s,
    )
    section.close()
    return times


def _read_pattern(section: RigSection) -> str:
    pattern = section.text("pattern", "{time}")
    fields = [x for x in ("{time}", "{s}", "{ms}", "{us}", "{ns}") if x in pattern]
    if fields != ["{time}"] and not (len(fields) == 2 and fields[0] == "{s}"):
        raise section.error(
            "pattern", f"is {pattern!r}", "it must have {time}, or {s} and one of {ms} {us} {ns}"
        )
    return pattern


def read_column(section: RigSection, key: str) -> str:
    """Read the name of a column, or its number from 0, as text."""
    value = section.value(key)
    if is_whole(value) and value >= 0:
        return str(value)
    return section.text(key)


def _read_own_times(section: RigSection, default: Times | None) -> Times:
    if section.has("times") or default is None:
        return read_time_source(section.section("times"))
    return default


def read_lidar(section: RigSection, default: Times | None) -> Lidar:
    """Read the LiDAR.

    Args:
        section: The mapping ``lidar``.
        default: Where times come from, unless the mapping says so.
    """
    lidar2ego, ego2lidar = read_either(section, "lidar2ego", "ego2lidar")
    files = _read_files(section)
    position = _read_columns(section, "position") or Lidar.position
    intensity = section.text("intensity", Lidar.intensity)
    intensity = "" if intensity == "none" else intensity
    columns = _read_columns(section, "columns")
    if files.endswith(UNNAMED) or columns:
        _check_columns(section, columns, [*position, *filter(None, [intensity])])
    has_max = section.has("intensity_max")
    lidar = Lidar(
        files=files,
        times=_read_own_times(section, default),
        columns=columns,
        position=position,
        dtype=section.choice("dtype", POINT_DTYPES, "float32"),
        unit=section.choice("unit", [*LENGTHS_M], "m"),
        intensity=intensity,
        intensity_max=section.number("intensity_max", 1e-6) if has_max else None,
        axes=_read_axes(section, LIDAR_AXES),
        lidar2ego=lidar2ego,
        ego2lidar=ego2lidar,
    )
    section.close()
    return lidar


def _read_columns(section: RigSection, key: str) -> tuple[str, ...]:
    """Read different names of columns; none if the key is missing."""
    columns = section.texts(key) if section.has(key) else ()
    if len({*columns}) < len(columns) or (key == "position" and len(columns) not in (0, 3)):
        raise section.error(key, f"is {list(columns)}", "name each column once, such as [x, y, z]")
    names = [name.lower() for name in columns]
    is_permuted = key == "position" and sorted(names) == ["x", "y", "z"]
    if is_permuted and _determinant(["xyz".index(name) for name in names]) < 0:
        raise section.error(
            key,
            f"is {list(columns)}, which mirrors the points (determinant -1)",
            "name the columns of x, y and z in this order, and where they point with axes",
        )
    return columns


def _check_columns(section: RigSection, columns: tuple[str, ...], wanted: Sequence[str]) -> None:
    """Refuse a list of columns without those that are read."""
    lacking = [name for name in wanted if name not in columns]
    if not lacking:
        return
    what = f"has no {lacking[0]!r}" if columns else "is missing"
    raise section.error(
        "columns",
        what,
        "name the columns of the files in their order, such as [x, y, z, intensity]; if another "
        "one has the intensity, name it with intensity: NAME, or give intensity: none",
    )


def read_camera(cameras: RigSection, name: str, default: Times | None) -> Camera:
    """Read one camera.

    Args:
        cameras: The mapping ``cameras``.
        name: Name of the camera.
        default: Where times come from, unless the mapping says so.
    """
    section = cameras.section(name)
    safe_name(name, f"{section.path}: a name in cameras")
    if name in _RESERVED:
        raise section.error("", "has a name that info files use for points", "rename the camera")
    direction = section.one_of(*_EXTRINSIC_KEYS)
    model, distortion = _read_distortion(section)
    size = None
    if section.has("calibrated_size"):
        size = read_numbers(section, "calibrated_size", (2,)).load(Path())
    camera = Camera(
        name,
        files=_read_files(section),
        times=_read_own_times(section, default),
        intrinsics=_read_intrinsics(section),
        direction=direction,
        extrinsics=read_transform(section, direction),
        calibrated_size=None if size is None else (int(size[0]), int(size[1])),
        distortion_model=model,
        distortion=distortion,
        axes=_read_axes(section, CAMERA_AXES),
        turned=section.flag("turned", default=False),
    )
    section.close()
    return camera


def _read_intrinsics(section: RigSection) -> Numbers:
    """Read fx, fy, cx, cy, a matrix, or the place of either in a file."""
    value = section.value("intrinsics")
    names = ("fx", "fy", "cx", "cy")
    if isinstance(value, dict) and not {"file", "key", "data"} & {*value}:
        inner = section.section("intrinsics")
        numbers = tuple(inner.number(name, -1e6, 1e6) for name in names)
        inner.close()
        return Numbers(f"{inner.path}: {inner.where}", (4,), values=numbers)
    return read_numbers(section, "intrinsics", (4, 9, 12))


def _read_distortion(section: RigSection) -> tuple[str, Numbers | None]:
    if not section.has("distortion"):
        return "none", None
    inner = section.section("distortion")
    model = inner.choice("model", [*_DISTORTIONS])
    numbers = None
    if model != "none":
        numbers = read_numbers(inner, "coefficients", _DISTORTIONS[model])
    inner.close()
    return model, numbers


def _read_axes(section: RigSection, default: tuple[str, ...]) -> tuple[str, ...]:
    if not section.has("axes"):
        return default
    axes = section.texts("axes")
    if len(axes) != 3 or len({DIRECTIONS.index(x) // 2 for x in axes if x in DIRECTIONS}) != 3:
        raise section.error(
            "axes",
            f"is {list(axes)}",
            f"name where x, y and z point, of {', '.join(DIRECTIONS)}, such as "
            f"[{', '.join(default)}]",
        )
    return axes


def _determinant(order: Sequence[int]) -> int:
    """Return 1 if an order of 0, 1 and 2 is a turn, -1 if it mirrors."""
    return 1 if (order[1] - order[0]) % 3 == 1 else -1


def _read_files(section: RigSection) -> str:
    pattern = section.path_text("files")
    parts = pattern.split("/")
    if SCENE in pattern and (parts.count(SCENE) != 1 or "**" in pattern.partition(SCENE)[0]):
        raise section.error(
            "files",
            f"is {pattern!r}",
            f"{SCENE} must be the whole name of one folder, without ** before it",
        )
    if any("**" in part and part != "**" for part in parts):
        raise section.error("files", f"is {pattern!r}", "** must stand alone between slashes")
    return pattern


def read_either(
    section: RigSection, *keys: str
) -> tuple[RigidTransform | None, RigidTransform | None]:
    """Read a transform that may have either direction, or be missing."""
    if not section.has(*keys):
        return None, None
    key = section.one_of(*keys)
    transform = read_transform(section, key)
    return (transform, None) if key == keys[0] else (None, transform)
