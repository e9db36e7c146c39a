"""What lies around each pixel, as features: the bands of its neighbours, and mean and std over wider windows.

The same features feed the forests of `trainer.trees` and of the baseline. As a layer they are part of the saved model,
so that training, endpoint and expression compute them alike.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import keras
from keras import layers, ops

_FLAT = 1e-12
"""Variances below it are no variance: the slope of a square root is endless at 0."""


@keras.saving.register_keras_serializable("earthline")
class WindowFeatures(layers.Layer):  # type: ignore[misc]  # Keras publishes no types
    """The bands of each pixel's neighbours, then mean and std of each band over windows around it.

    Called on `[image, valid]`: image (patches, height, width, bands) and valid (patches, height, width, 1), 1 where the
    image is valid and 0 where it is masked. Gives float32 (patches, height, width, features), in this order:

    - for each row of the neighbourhood, from the top, and each pixel of the row, from the left: all bands. Beyond the
      image's edge its outermost pixels are repeated; where a neighbour is masked the pixel itself stands in;
    - for each window, in the order given: the mean of all bands, then the std of all bands, of the valid pixels in it.
      What lies outside the image is left out. Where no pixel is valid both are 0.

    A masked pixel counts as 0, whatever value it holds. Means and variances are merged from smaller windows (Chan,
    Golub and LeVeque 1983, "Algorithms for computing the sample variance"), never taken from sums of squares: these
    lose their digits where a window is nearly flat, and each runtime would lose others.
    """

    def __init__(self, context: int = 3, windows: Sequence[int] = (9, 21), **options: Any) -> None:
        """Makes the layer.

        Args:
            context: Side in pixels of the neighbourhood whose bands are given; odd, 1 for the pixel alone.
            windows: Sides in pixels of the windows of mean and std; odd.
            **options: Passed on to Keras.

        Raises:
            ValueError: A side is even or smaller than 1.
        """
        # Half precision would lose what mean and std are made of.
        super().__init__(**{"dtype": "float32", **options})
        wrong = [side for side in (context, *windows) if side < 1 or side % 2 == 0]
        if wrong:
            raise ValueError(f"a window of {wrong[0]} px has no pixel in its middle; use odd sides, such as 3 and 9")
        self.context = int(context)
        self.windows = tuple(int(side) for side in windows)

    @property
    def receptive_field(self) -> int:
        """Side in pixels of the square around a pixel on which its features rest."""
        return max((self.context, *self.windows))

    def call(self, inputs: Sequence[Any]) -> Any:
        """As the class says.

        Args:
            inputs: Image and valid.
        """
        image, valid = inputs
        seen = ops.greater(valid, 0.5)
        image = ops.where(seen, image, 0.0)
        weight = ops.cast(seen, image.dtype)
        return ops.concatenate([*self._neighbours(image, weight), *self._statistics(image, weight)], axis=-1)

    def compute_output_shape(self, input_shape: Sequence[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        """Shape of the features, from the shapes of image and valid."""
        *outer, bands = input_shape[0]
        return (*outer, None if bands is None else bands * (self.context**2 + 2 * len(self.windows)))

    def get_config(self) -> dict[str, Any]:
        """What Keras needs to load it again."""
        return {**super().get_config(), "context": self.context, "windows": list(self.windows)}

    def _neighbours(self, image: Any, weight: Any) -> list[Any]:
        if self.context == 1:
            return [image]
        height, width = ops.shape(image)[1:3]
        padded, seen = image, weight
        for _ in range(self.context // 2):
            # One pixel at a time, "symmetric" repeats the outermost one, for which TensorFlow has no word.
            padded, seen = (ops.pad(each, [[0, 0], [1, 1], [1, 1], [0, 0]], "symmetric") for each in (padded, seen))
        found = []
        for row in range(self.context):
            for column in range(self.context):
                there = (slice(None), slice(row, row + height), slice(column, column + width))
                found.append(ops.where(ops.greater(seen[there], 0.5), padded[there], image))
        return found

    def _statistics(self, image: Any, weight: Any) -> list[Any]:
        if not self.windows:
            return []
        height, width = ops.shape(image)[1:3]
        most = max(self.windows) // 2
        around = [[0, 0], [most, most], [most, most], [0, 0]]
        pixels = _Moments(ops.pad(weight, around), ops.pad(image, around), ops.zeros_like(ops.pad(image, around)))
        rows = _doubled(pixels, max(self.windows), axis=1)
        found = []
        for side in self.windows:
            start = most - side // 2
            columns = _doubled(_window(rows, side, start, height, axis=1), side, axis=2)
            count, mean, squares = _window(columns, side, start, width, axis=2)
            variance = squares / ops.maximum(count, 1.0)
            found += [mean, ops.where(ops.greater(variance, _FLAT), ops.sqrt(ops.maximum(variance, _FLAT)), 0.0)]
        return found


class _Moments(NamedTuple):
    """Of the valid pixels of a window: their number, mean, and sum of squares around the mean."""

    count: Any
    mean: Any
    squares: Any

    def part(self, start: int, length: Any, axis: int) -> "_Moments":
        place = (*[slice(None)] * axis, slice(start, start + length))
        return _Moments(*(each[place] for each in self))

    def merged(self, other: "_Moments") -> "_Moments":
        count = self.count + other.count
        share = other.count / ops.maximum(count, 1.0)
        gap = other.mean - self.mean
        squares = self.squares + other.squares + gap * gap * (self.count * share)
        return _Moments(count, self.mean + gap * share, squares)


def _doubled(pixels: _Moments, side: int, axis: int) -> Mapping[int, _Moments]:
    """Windows along an axis by their length, each power of two up to `side`; each begins at its own place."""
    found, length = {1: pixels}, 1
    while 2 * length <= side:
        last = found[length]
        places = ops.shape(last.mean)[axis] - length
        found[2 * length] = last.part(0, places, axis).merged(last.part(length, places, axis))
        length *= 2
    return found


def _window(doubled: Mapping[int, _Moments], side: int, start: int, places: Any, axis: int) -> _Moments:
    """Windows of `side` pixels along an axis, the first of which begins at `start`, put together from powers of two."""
    found: _Moments | None = None
    for length in sorted(doubled, reverse=True):
        if side & length:
            part = doubled[length].part(start, places, axis)
            found = part if found is None else found.merged(part)
            start += length
    assert found is not None, "a side of at least one pixel"
    return found
