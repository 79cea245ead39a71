"""Verdicts on the calibration of cameras, as findings and figures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from perception_kd.calibration.report import describe_next, judge_excerpts, needs_attention
from perception_kd.calibration.verdict import CameraVerdict
from perception_kd.doctor.finding import Finding, Level
from perception_kd.doctor.infos import Info
from perception_kd.io.info_writer import InfoExcerpt
from perception_kd.structures import Image

if TYPE_CHECKING:
    from perception_kd.doctor.figures import SampleFigures

_AREA = "calibration"
_WIDTH = 1800  # px
_DRAWING = "its drawing in --report"
_HINT = (
    "White are the edges of the image; the points of near objects end there. If there are two "
    "images, the right one is by another calibration, which fits better."
)


class Calibrations:
    """Verdicts on the cameras of data sets.

    Args:
        with_figures: Whether to keep drawings.

    Attributes:
        figures: Drawings of the cameras judged so far.
    """

    def __init__(self, *, with_figures: bool) -> None:
        self._with_figures = with_figures
        self.figures: list[SampleFigures] = []

    def check(self, infos: Sequence[Info]) -> Iterator[Finding]:
        """Yield a finding per camera of each data set.

        Args:
            infos: Info files; those of one folder are of one data set.
        """
        by_root: dict[str, list[InfoExcerpt]] = {}
        for info in infos:
            excerpt = InfoExcerpt(info.source.path, info.metainfo, info.samples, len(info.samples))
            by_root.setdefault(str(info.source.data_root.absolute()), []).append(excerpt)
        for root, excerpts in by_root.items():
            try:
                judged = judge_excerpts(excerpts, root)
            except (OSError, ValueError) as error:
                what = f"Cameras cannot be judged: {error}"
                yield Finding(Level.WARNING, _AREA, what, str(excerpts[0].path))
                continue
            for verdict, image in judged:
                self._keep(verdict, image)
                yield _describe(verdict, excerpts[0])

    def _keep(self, verdict: CameraVerdict, image: Image) -> None:
        if self._with_figures:
            # Imported here: only the page needs the drawing packages.
            from perception_kd.doctor.figures import Figure, SampleFigures
            from perception_kd.experiments.report.encoding import encode_image

            figure = Figure(verdict.line, _HINT, encode_image(image, _WIDTH))
            self.figures.append(SampleFigures(f"Calibration of {verdict.camera}", [figure]))


def _describe(verdict: CameraVerdict, excerpt: InfoExcerpt) -> Finding:
    level = Level.WARNING if needs_attention(verdict) else Level.OK
    level = Level.ERROR if verdict.is_inverted else level
    remedy = "" if level is Level.OK else describe_next(verdict, _DRAWING)
    where = f"{excerpt.path}, images.{verdict.camera}.lidar2cam"
    return Finding(level, _AREA, f"{verdict.line}.", where, remedy)
