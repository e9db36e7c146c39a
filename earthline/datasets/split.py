"""One split of a dataset, and the forms that it is given in."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from earthline.datasets import arrays
from earthline.datasets.arrays import Arrays
from earthline.datasets.patches import Patches
from earthline.datasets.samples import Sample


class Split(Patches):
    """The patches of a split: samples by position, in order, in batches, or in the form of a framework."""

    def batches(self, size: int, *, seed: int | None = None) -> Iterator[Sample]:
        """All patches, some at a time: the arrays of a sample with an axis for the patches in front.

        Args:
            size: Patches of a batch; the last one may hold fewer.
            seed: Of the order; None for the order of the files.

        Raises:
            TypeError: There is a seed, and the files are packed by gzip.
            Exception: As `__getitem__`.
        """
        if size < 1:
            raise ValueError(f"a batch of {size} patches; give 1 or more")
        samples = iter(self) if seed is None else map(self.__getitem__, _mixed(len(self), seed))
        batch: list[Sample] = []
        for sample in samples:
            batch.append(sample)
            if len(batch) == size:
                yield _stacked(batch)
                batch = []
        if batch:
            yield _stacked(batch)

    def arrays(self, keep: str | Path | None = None) -> Arrays:
        """The whole split as NumPy arrays.

        Args:
            keep: Folder of files that the arrays are mapped from, for splits larger than the memory: they are written
                once, and only what is looked at is read. None for arrays in memory.

        Raises:
            ShardError: A file is damaged, or holds another number of examples than the manifest says.
            OSError: A file cannot be read or written.
        """
        return arrays.read(self, self.manifest, self.name, None if keep is None else Path(keep))

    def tensorflow(self, *, shuffle: bool = False, seed: int = 0, buffer: int = 4096) -> Any:
        """The split as a `tf.data.Dataset` of samples, not batched.

        Args:
            shuffle: Whether each pass has an order of its own.
            seed: Of the orders.
            buffer: Patches among which the next one is drawn; a whole split that is smaller is mixed evenly.

        Raises:
            ImportError: TensorFlow is not installed.
        """
        try:
            from earthline.datasets import tensorflow_data
        except ImportError as error:
            raise ImportError("tf.data needs TensorFlow: `pip install tensorflow`") from error
        return tensorflow_data.dataset(self, shuffle=shuffle, seed=seed, buffer=buffer)

    def torch(self, transform: Callable[[Sample], Any] | None = None, *, stream: bool = False) -> Any:
        """The split as a PyTorch dataset for `torch.utils.data.DataLoader`.

        Images are float32 (bands, height, width), masks int64 (height, width) for classes, as cross-entropy wants them
        (with `ignore_index=dataset.no_label`), and float32 for values.

        Args:
            transform: Changes each sample, a dictionary of tensors; must be importable where workers are spawned.
            stream: Whether it is read in order, each worker some of the files, instead of by position; for packed files
                and for slow disks. A loader cannot shuffle such a one.

        Raises:
            ImportError: PyTorch is not installed.
        """
        try:
            from earthline.datasets import torch_data
        except ImportError as error:
            raise ImportError(
                "a PyTorch dataset needs PyTorch, which Earthline does not bring along: `pip install torch` "
                "(https://pytorch.org/get-started/locally)"
            ) from error
        kind = torch_data.PatchStream if stream else torch_data.PatchDataset
        return kind(self, transform)


def _mixed(count: int, seed: int) -> list[int]:
    order: list[int] = np.random.default_rng(seed).permutation(count).tolist()
    return order


def _stacked(batch: list[Sample]) -> Sample:
    return {key: np.stack([sample[key] for sample in batch]) for key in batch[0]}
