"""Cut crops and run the teacher on them, on other machines."""

from typing import Any

from mmengine import Config
from mmengine.registry import init_default_scope

from perception_kd.engine.teacher_cache.crop_sources import CropSource, build_sources
from perception_kd.engine.teacher_cache.crops import CropDataset, CropJob
from perception_kd.engine.teacher_cache.rows import make_entries
from perception_kd.io.caches.rows import RowEntry


class CropRunner:
    """Features of the views of a job.

    Each process gets the weights once. It reads the info files itself, since the copy
    of their samples that processes share is on one machine.

    Args:
        cfg: Config of the pre-training.
        model: Its networks, of which the teacher will run.
        device: Device of the teacher.
    """

    def __init__(self, cfg: Config, model: Any, device: str) -> None:
        self._cfg, self._model, self._device = cfg, model, device
        self._sources: list[CropSource] = []

    def __call__(self, job: CropJob) -> list[tuple[str, RowEntry]]:
        """Return key and entry of each view; none for a sample that is skipped."""
        if not self._sources:
            init_default_scope(self._cfg.get("default_scope", "mmengine"))
            self._sources = build_sources(self._cfg)
            self._model = self._model.to(self._device).eval()
        cut = CropDataset(self._sources, [job])[0]
        return [] if cut is None else make_entries(self._model, cut)
