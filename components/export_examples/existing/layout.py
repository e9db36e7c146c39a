"""Where patches of unknown places stand in the dataset: those that came together lie side by side.

They have no place on the ground, and the dataset gives them one of its own: a strip for each file, or for each value of
the key, with its patches in it one after the other. A strip is a block, which intervals of accuracy count as one
observation: what is in one file is seldom independent.
"""

from collections import Counter

from components.export_examples.existing.owners import Features, Place, key_of

LEAST_BLOCKS = 5
"""Strips with test patches from which on they are the blocks; resampling fewer tells too little."""


class Layout:
    """Gives each patch its place, and afterwards tells the grid of all."""

    def __init__(self, patch_shape: tuple[int, int], key: str | None) -> None:
        """Begins with nothing.

        Args:
            patch_shape: Pixels (height, width).
            key: Feature whose value says what came together; None where it is the file.
        """
        self._patch_shape, self._key = patch_shape, key
        self._strips: dict[str, int] = {}
        self._lengths = Counter[int]()
        self._tested: set[int] = set()

    def corner(self, place: Place, features: Features, split: str) -> tuple[int, int]:
        """Row and column of the first pixel of the next patch.

        Args:
            place: Of its record.
            features: Of its record.
            split: Of its record.

        Raises:
            ValueError: Its record does not say what it belongs to.
        """
        name = place.file if self._key is None else key_of(features, self._key)
        strip = self._strips.setdefault(name, len(self._strips))
        if split == "test":
            self._tested.add(strip)
        height, width = self._patch_shape
        row, column = strip * height, self._lengths[strip] * width
        self._lengths[strip] += 1
        return row, column

    @property
    def shape(self) -> tuple[int, int]:
        """Pixels (height, width) of the grid."""
        height, width = self._patch_shape
        return len(self._strips) * height, max(self._lengths.values(), default=1) * width

    @property
    def block_shape(self) -> tuple[int, int]:
        """Pixels (height, width) of a block: a strip, or a patch where too few strips have test patches."""
        if len(self._tested) < LEAST_BLOCKS:
            return self._patch_shape
        return self._patch_shape[0], self.shape[1]
