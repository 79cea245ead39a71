"""The interface of models that mmengine's runner trains and tests."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, NamedTuple

from mmengine.model import BaseModel
from torch import Tensor

from perception_kd.checkpoints.reading import Checkpoint
from perception_kd.structures import Batch
from perception_kd.utils.checks import check_classes


class Supervision(NamedTuple):
    """Targets that a model learns from, and why a batch may have none.

    Attributes:
        name: Name in the plural, such as "pairs of point and pixel".
        monitors: Keys of :meth:`TaskModel.loss` that count them. A batch of which all
            are zero teaches nothing.
        advice: What to check where there are none.
    """

    name: str
    monitors: tuple[str, ...]
    advice: str


class TaskModel(BaseModel):
    """A model with a loss, predictions, and the tensor that both are computed from.

    Args:
        data_preprocessor: Collates samples to the batch of ``docs/sample.md``.
    """

    @property
    def supervision(self) -> Supervision | None:
        """Targets that the model learns from; None if it does not count that."""
        return None

    @property
    def class_names(self) -> Mapping[str, tuple[str, ...]]:
        """Names of the classes in order, by their key in data samples and metainfo.

        They are compared with those of each data set and written into predictions.
        Empty if a model knows no names.
        """
        return {}

    def check_data_classes(self, metainfo: Mapping[str, Any]) -> None:
        """Check that the labels of a data set count the classes of this model.

        Args:
            metainfo: Metainfo of the data set; names that it lacks are not checked.

        Raises:
            ValueError: If names or their order differ.
        """
        for key, names in self.class_names.items():
            check_classes(f"{key} of the data", metainfo.get(key, names), names)

    def check_trained_on(self, checkpoint: Checkpoint, metainfo: Mapping[str, Any]) -> None:
        """Check that training and test use the same classes.

        A model that knows the names of its classes needs no such check.

        Args:
            checkpoint: Checkpoint of the model, as mmengine's runner writes it.
            metainfo: Metainfo of the test data.

        Raises:
            ValueError: If both have names and these differ.
        """

    def forward(
        self, inputs: Batch, data_samples: list[Any] | None = None, mode: str = "tensor"
    ) -> Any:
        """Dispatch by mode.

        Args:
            inputs: The batch of ``docs/sample.md``.
            data_samples: One per sample; not needed if ``mode`` is "tensor".
            mode: "loss" for :meth:`loss`, "predict" for :meth:`predict`, "tensor" for
                :meth:`forward_tensor`.

        Raises:
            ValueError: If ``mode`` is unknown.
        """
        if mode == "loss":
            return self._loss_or_reason(inputs, data_samples or [])
        if mode == "predict":
            predicted = self.predict(inputs, data_samples or [])
            for sample in predicted if self.class_names else ():
                sample.set_metainfo(dict(self.class_names))
            return predicted
        if mode == "tensor":
            return self.forward_tensor(inputs)
        raise ValueError(f'mode must be "loss", "predict" or "tensor", but got "{mode}".')

    def _loss_or_reason(self, inputs: Batch, data_samples: list[Any]) -> dict[str, Tensor]:
        """Compute the loss; say of torch's error of a batch norm what it means."""
        try:
            return self.loss(inputs, data_samples)
        except ValueError as error:
            if "Expected more than 1 value per channel" not in str(error):
                raise
            tokens = ", ".join(str(getattr(s, "sample_token", "?")) for s in data_samples)
            raise ValueError(
                f"The batch of sample {tokens} has a single voxel or point, from which a "
                "batch norm cannot learn; raise the batch size, widen point_cloud_range, or check "
                "the point clouds of these samples."
            ) from error

    @abstractmethod
    def loss(self, inputs: Batch, data_samples: list[Any]) -> dict[str, Tensor]:
        """Compute ``loss_*`` and monitors of one batch."""

    def predict(self, inputs: Batch, data_samples: list[Any]) -> list[Any]:
        """Return the predictions that an evaluator scores.

        By default, as in pre-training, these are the model's own losses and monitors on
        held-out data: a list of one dict, for ``MeanOverBatches``.
        """
        losses = self.loss(inputs, data_samples)
        return [{name: float(value) for name, value in losses.items()}]

    @abstractmethod
    def forward_tensor(self, inputs: Batch) -> Any:
        """Return the features or scores before any loss."""
