"""mmengine's runner with a checked resume and checked classes."""

from typing import Any

from mmengine.model import is_model_wrapper
from mmengine.runner import Runner, find_latest_checkpoint
from torch.nn import Module
from torch.utils.data import DataLoader

from perception_kd.checkpoints.finite import check_finite
from perception_kd.checkpoints.matching import load_report
from perception_kd.checkpoints.reading import read_checkpoint
from perception_kd.models.networks.task_model import TaskModel


class CheckedRunner(Runner):
    """mmengine's runner, except for how a training resumes and what data it accepts.

    mmengine's runner resumes with the weights that fit, or fails in the optimizer.
    Before, it initializes the model, which reads all files of a fresh start, such as a
    teacher's, although they may be gone. This one refuses a checkpoint that does not
    fit, and initializes only what it does not resume. It also refuses data whose
    classes are not the model's.
    """

    def build_dataloader(
        self, dataloader: Any, seed: int | None = None, diff_rank_seed: bool = False
    ) -> DataLoader[Any]:
        """Build a data loader, and compare its classes with those of the model.

        Raises:
            ValueError: If the names of classes or their order differ.
        """
        loader = Runner.build_dataloader(dataloader, seed=seed, diff_rank_seed=diff_rank_seed)
        model = self.model.module if is_model_wrapper(self.model) else self.model
        if isinstance(model, TaskModel):
            model.check_data_classes(getattr(loader.dataset, "metainfo", {}))
        return loader

    def _init_model_weights(self) -> None:
        """Initialize the model, or check the checkpoint that it resumes from."""
        path = self._find_resumed()
        if path is None:
            super()._init_model_weights()
        else:
            self._check_resumed(path)

    def _find_resumed(self) -> str | None:
        """Return the checkpoint to resume from, as mmengine finds it after this."""
        if not self._resume:
            return None
        latest: str | None = find_latest_checkpoint(self.work_dir)
        return self._load_from or latest

    def _check_resumed(self, path: str) -> None:
        """Check that a checkpoint has exactly the tensors of the model.

        Raises:
            ValueError: If names or shapes differ, or a tensor is not finite.
        """
        model: Module = self.model.module if is_model_wrapper(self.model) else self.model
        state_dict = read_checkpoint(path).state_dict
        check_finite(path, state_dict)
        report = load_report(model, state_dict)
        differing = [
            *report.missing,
            *report.unexpected,
            *(name for name, *_ in report.mismatched),
        ]
        if differing:
            raise ValueError(
                f"--resume: {path} does not match the model of {self.cfg.filename} "
                f"({len(differing)} tensors differ, e.g. {differing[0]}); resume from a "
                "checkpoint of that run, or set another --work-dir."
            )
