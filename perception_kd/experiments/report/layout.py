"""Sections of the page, and how keyframes and cameras are named and ordered in them.

To add a section, write a function that returns a :class:`Section`, add a template of
its name to ``templates/``, and list it in ``page.write_report``. If it has a payload,
also add its script from ``static/`` to ``page.SCRIPTS``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# Around the vehicle, as nuScenes names its cameras: the front row, then the back row.
CAMERA_ORDER = (
    "CAM_FRONT_LEFT",
    "CAM_FRONT",
    "CAM_FRONT_RIGHT",
    "CAM_BACK_LEFT",
    "CAM_BACK",
    "CAM_BACK_RIGHT",
)


@dataclass(frozen=True)
class Section:
    """One section of the page: a template of ``templates/`` and its variables.

    Attributes:
        name: Name of the template, and anchor of the section.
        title: Heading.
        content: Variables of the template, which is left out without any.
        payload: Data for the scripts of the page, as JSON types; None for no data.
        missing: Sentences that say what is missing, and why.
    """

    name: str
    title: str
    content: dict[str, Any] = field(default_factory=dict)
    payload: Any = None
    missing: tuple[str, ...] = ()


def name_keyframe(sample: Any) -> str:
    """Return a title for a keyframe, given as a sample or as mmdet3d's data sample."""
    return f"{sample.get('scene_name')} · {sample.get('sample_token')[:8]}"


def order_views(sample: Mapping[str, Any]) -> list[int]:
    """Return the indices of a sample's images in the order of ``CAMERA_ORDER``."""
    names = sample["cam_names"]
    rank = {name: i for i, name in enumerate(CAMERA_ORDER)}
    return sorted(range(len(names)), key=lambda view: rank.get(names[view], len(rank)))


def name_camera(sample: Mapping[str, Any], view: int) -> str:
    """Return the name of a camera for the reader."""
    name: str = sample["cam_names"][view]
    return name.removeprefix("CAM_").replace("_", " ").lower()
