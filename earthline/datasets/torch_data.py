"""A split as PyTorch datasets. PyTorch is no dependency: this module is imported when somebody asks for one."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset, IterableDataset, get_worker_info

from earthline.datasets.patches import Patches
from earthline.datasets.samples import Sample


class PatchDataset(Dataset):  # type: ignore[misc]
    """Patches by position: a loader may shuffle them and share them among workers."""

    def __init__(self, split: Patches, transform: Callable[[Sample], Any] | None = None) -> None:
        """Nothing is read yet.

        Args:
            split: Which.
            transform: Changes each sample.
        """
        self.split, self.transform = split, transform

    def __len__(self) -> int:
        """Number of patches."""
        return len(self.split)

    def __getitem__(self, index: int) -> Any:
        """One patch as tensors. Errors as of `Patches.__getitem__`."""
        return _changed(self.split[index], self.transform)


class PatchStream(IterableDataset):  # type: ignore[misc]
    """Patches in the order of the files; each worker of a loader reads some of the files."""

    def __init__(self, split: Patches, transform: Callable[[Sample], Any] | None = None) -> None:
        """Nothing is read yet.

        Args:
            split: Which.
            transform: Changes each sample.
        """
        self.split, self.transform = split, transform

    def __iter__(self) -> Iterator[Any]:
        """The patches of this worker as tensors. Errors as of `Patches.__getitem__`."""
        worker, paths = get_worker_info(), self.split.records.paths
        mine = paths if worker is None else paths[worker.id :: worker.num_workers]
        return (_changed(sample, self.transform) for sample in self.split.samples(mine))


def _changed(sample: Sample, transform: Callable[[Sample], Any] | None) -> Any:
    mask = sample["mask"]
    kind = np.float32 if mask.dtype.kind == "f" else np.int64
    # Copies: records are read-only, and PyTorch wants memory that can be written to.
    tensors = {
        **sample,
        # Convolutions want bands first; PyTorch has few operations for the small integers of imagery.
        "image": torch.from_numpy(np.array(np.moveaxis(sample["image"], -1, 0), np.float32, order="C")),
        "mask": torch.from_numpy(mask.astype(kind)),
        "valid": torch.from_numpy(np.array(sample["valid"])),
    }
    return tensors if transform is None else transform(tensors)
