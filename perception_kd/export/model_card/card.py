"""The text of a model card, with the front matter that model hubs read."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from perception_kd.export.model_card.licenses import NOT_STATED, UNKNOWN, CardSource

# Kinds of models of this project: their name, and where the method is published.
_METHODS = {
    "SuperpixelDistillation": ("SLidR", "https://arxiv.org/abs/2203.16258"),
    "PixelDistillation": ("PPKT", "https://arxiv.org/abs/2104.04687"),
    "PointRegionContrast": ("PRC of CALICO", "https://arxiv.org/abs/2306.00349"),
    "RegionDistillation": ("RAD of CALICO", "https://arxiv.org/abs/2306.00349"),
    "BEVDistillation": ("BEVDistill", "https://arxiv.org/abs/2211.09386"),
    "CameraLidarContrast": ("SimIPU", "https://arxiv.org/abs/2112.04680"),
}
_WHAT = {
    "BEVDetector": "3D detection",
    "BEVMapSegmentor": "BEV map segmentation",
    "PointSegmentor": "LiDAR segmentation",
}
_LEFT_OUT = (
    "The weights of the frozen image network that taught are not part of this folder. Features of "
    "points need none. For `net.images`, give that network: `perception_kd.load(folder, "
    "teacher=...)` with the file or folder of its weights, or as `module:callable`; it is compared "
    "with the one that taught."
)


@dataclass(frozen=True)
class CardFacts:
    """Contents of a model card.

    Attributes:
        name: Name of the model.
        kind: Type of the model in its config.
        license: License of the weights, or "not stated".
        teacher: Network that taught it, or whose weights it started from; None without.
        data: Data of the training.
        version: Version of perception_kd that has written the card.
        num_parameters: Number of values in tensors with a gradient.
        training: Lines about the length of the training and its input.
        results: Lines of a Markdown table; none if nothing was measured.
        uses: Lines of Python that use the network.
        is_teacher_left_out: Whether the weights of a frozen image network, which has
            taught, are not part of the folder.
    """

    name: str
    kind: str
    license: str
    teacher: CardSource | None
    data: CardSource
    version: str
    num_parameters: int
    training: Sequence[str] = ()
    results: Sequence[str] = ()
    uses: Sequence[str] = field(default_factory=tuple)
    is_teacher_left_out: bool = False


def name_method(kind: str) -> str:
    """Name a method or a task by the type of its model."""
    return _METHODS[kind][0] if kind in _METHODS else _WHAT.get(kind, kind)


def describe_method(kind: str) -> str:
    """Name a method with its publication, or a task."""
    if kind in _METHODS:
        name, url = _METHODS[kind]
        return f"{name} ({url}), a pre-training without labels"
    return f"training of {_WHAT[kind]} with labels" if kind in _WHAT else kind


def make_card(facts: CardFacts, sha256: str) -> str:
    """Return the text of README.md of a model folder.

    Args:
        facts: What it says.
        sha256: Hash of the file of weights.
    """
    teacher = facts.teacher
    rows = [
        ("Method", describe_method(facts.kind)),
        ("License of the weights", _or_open(facts.license)),
        ("Image network", "none" if teacher is None else teacher.name),
        ("Its license", "-" if teacher is None else _or_open(teacher.license)),
        ("Data", facts.data.name),
        ("Its license", _or_open(facts.data.license)),
        ("Parameters", f"{facts.num_parameters:,}"),
        ("SHA-256 of model.safetensors", f"`{sha256}`"),
        ("Written by", f"perception_kd {facts.version}"),
    ]
    table = [f"| {name} | {_one_line(value)} |" for name, value in rows]
    results = list(facts.results) or ["No results were given when this folder was written."]
    lines = [
        *_front_matter(facts),
        f"# {_one_line(facts.name)}",
        "",
        *("| | |", "| --- | --- |", *table, ""),
        "Before you share or use these weights, read the licenses of the data and of the image "
        "network: they may bind what was trained with them.",
        *(["", _LEFT_OUT] if facts.is_teacher_left_out else []),
        "",
        *("## Use", "", "```python", *facts.uses, "```", ""),
        *("## Training", "", *(f"- {_one_line(line)}" for line in facts.training), ""),
        *("## Results", "", *results, ""),
    ]
    return "\n".join(lines)


def _front_matter(facts: CardFacts) -> list[str]:
    method = _METHODS.get(facts.kind, (facts.kind, ""))[0]
    tags = ["autonomous-driving", "lidar", "perception_kd", method.lower().replace(" ", "-")]
    if facts.kind in _METHODS:
        tags.append("self-supervised")
    stated = facts.license != NOT_STATED
    # Quoted as JSON, which is YAML, whatever the texts hold.
    entries: Mapping[str, Any] = {
        "license": facts.license if stated else "other",
        **({} if stated else {"license_name": "not-stated"}),
        "library_name": "perception_kd",
        "pipeline_tag": "feature-extraction",
        "tags": tags,
    }
    return ["---", *(f"{key}: {json.dumps(value)}" for key, value in entries.items()), "---", ""]


def _or_open(text: str) -> str:
    if text == NOT_STATED:
        return "**not stated**: find out before you share the weights"
    return f"**{text}** before you share the weights" if text == UNKNOWN else text


def _one_line(text: str) -> str:
    return " ".join(str(text).replace("|", "/").split())
