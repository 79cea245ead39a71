"""Dataset that replaces samples of which its pipeline leaves nothing."""

from typing import Any

import numpy as np
from mmengine.dataset import BaseDataset
from mmengine.logging import MMLogger
from numpy.typing import NDArray

from perception_kd.datasets.seeding import make_rng
from perception_kd.datasets.shared_state import SharedState
from perception_kd.io.errors import BrokenFileError
from perception_kd.io.shared_bytes import return_freed_memory, share_bytes


class ReplacingDataset(BaseDataset):
    """Samples that are repeatable by their epoch, and replaced if nothing is left.

    A class derived from it sets the attributes before it calls ``super().__init__()``,
    and has ``get_data_info(idx, repeat)``, which returns a sample before the pipeline.

    Attributes:
        seed: Seed of the random numbers of all transforms, not negative.
        on_error: "raise" an error for missing or broken files, or "skip" the sample.
    """

    seed: int
    on_error: str
    _shared: SharedState

    @property
    def skipped(self) -> dict[str, int]:
        """Number of samples skipped so far by reason, over all workers.

        Reasons: "missing_file", "broken_file", "nothing_left" (a transform gave None).
        """
        return self._shared.skipped

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch that random numbers depend on, also in running workers."""
        self._shared.epoch = epoch

    def __getitem__(self, idx: int) -> Any:
        """Return a sample after the pipeline, or a replacement.

        Raises:
            As :meth:`get_repeat`.
        """
        return self.get_repeat(idx, 0)

    def get_repeat(self, idx: int, repeat: int) -> Any:
        """Return a sample after the pipeline, or a replacement.

        Args:
            idx: Index in the data set.
            repeat: How often the sample was used in this epoch before.

        Raises:
            FileNotFoundError: If a file is missing and ``on_error`` is "raise".
            BrokenFileError: If a file is broken and ``on_error`` is "raise".
            ValueError: If nothing is left of the sample in test mode, or of all
                replacements.
        """
        sample = self.get_data_info(idx, repeat)
        first = sample["sample_token"]
        # Replacements are drawn from a stream that no transform draws from.
        rng = make_rng(self.seed, self._shared.epoch, first, stream=2 * repeat + 1)
        for num_left in range(self.max_refetch, -1, -1):
            packed = self._apply_pipeline(sample)
            if packed is not None:
                return packed
            if num_left > 0:
                sample = self.get_data_info(int(rng.integers(len(self))), repeat)
        raise ValueError(
            f"The pipeline left nothing of sample {first} and its replacements, "
            f"{self.max_refetch + 1} samples in a row; skipped so far: {self.skipped}."
        )

    def prepare_data(self, idx: int, repeat: int = 0) -> Any:
        """Return a sample after the pipeline, or None if it was skipped and counted.

        Args:
            idx: Index in the data set.
            repeat: How often the sample was used in this epoch before.

        Raises:
            FileNotFoundError: If a file is missing and may not be skipped.
            BrokenFileError: If a file is broken and may not be skipped.
            ValueError: If nothing is left of the sample in test mode.
        """
        return self._apply_pipeline(self.get_data_info(idx, repeat))

    def _apply_pipeline(self, sample: Any) -> Any:
        """Return a sample after the pipeline, or None if it was skipped and counted."""
        token, lidar_path = sample["sample_token"], sample["lidar_path"]
        try:
            for transform in self.pipeline.transforms:
                sample = transform(sample)
                if sample is None:
                    return self._skip(
                        token, "nothing_left", f"{type(transform).__name__} left nothing"
                    )
        except (FileNotFoundError, BrokenFileError) as error:
            if self.on_error == "raise" or self.test_mode:
                raise
            missing = isinstance(error, FileNotFoundError)
            return self._skip(token, "missing_file" if missing else "broken_file", str(error))
        except ValueError as error:
            raise ValueError(f"Sample {token} ({lidar_path}): {error}") from error
        return sample

    def _skip(self, token: str, reason: str, details: str) -> None:
        if self.test_mode:
            raise ValueError(
                f"Cannot evaluate sample {token}: {details}. No sample is skipped in test mode."
            )
        self._shared.count_skip(reason)
        MMLogger.get_current_instance().warning(f"Skipped sample {token} ({reason}): {details}")

    def _serialize_data(self) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Return all samples as bytes that the processes of a machine share."""
        data, ends = super()._serialize_data()
        try:
            data = share_bytes(data)
        except OSError as error:
            MMLogger.get_current_instance().warning(
                f"Each process holds its own {len(data) / 1e6:,.0f} MB of {self.ann_file}, which "
                f"cannot be shared: {error}. Set TMPDIR to a folder that can be written to."
            )
        return_freed_memory()  # parsing takes many times the memory of its result
        return data, ends
