"""Count, mean, std, minimum and maximum of each band, of any number of pixels."""

from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Moments:
    """Of each band; those of two parts add up to those of the whole.

    Parts are joined by the formula of Chan, Golub and LeVeque 1979, which loses no digits where the mean is large and
    the std small.

    Attributes:
        count: Finite values, int64 (bands,).
        mean: Their mean, (bands,); 0 where there are none.
        squares: Sum of the squares of what they differ from the mean, (bands,).
        least: Least value, (bands,); infinite where there are none.
        most: Largest value, (bands,); minus infinite where there are none.
    """

    count: Array
    mean: Array
    squares: Array
    least: Array
    most: Array

    @classmethod
    def nothing(cls, bands: int) -> "Moments":
        """Those of no pixel."""
        zeros = np.zeros(bands)
        return cls(np.zeros(bands, np.int64), zeros, zeros, np.full(bands, np.inf), np.full(bands, -np.inf))

    @classmethod
    def of(cls, values: Array) -> "Moments":
        """Those of some pixels.

        Args:
            values: (pixels, bands), of any type; what is not finite is left out.
        """
        if not len(values):
            return cls.nothing(values.shape[1])
        numbers = values.astype(np.float64)
        finite = np.isfinite(numbers) if values.dtype.kind == "f" else np.ones(numbers.shape, bool)
        count = finite.sum(axis=0)
        if not finite.all():
            least, most = (np.where(finite, numbers, end) for end in (np.inf, -np.inf))
            numbers = np.where(finite, numbers, 0.0)
        else:
            least = most = numbers
        mean = numbers.sum(axis=0) / np.maximum(count, 1)
        squares = np.where(finite, numbers - mean, 0.0)
        return cls(count, mean, np.einsum("ij,ij->j", squares, squares), least.min(axis=0), most.max(axis=0))

    def __add__(self, other: "Moments") -> "Moments":
        """Those of both."""
        count = self.count + other.count
        share = other.count / np.maximum(count, 1)
        apart = other.mean - self.mean
        return Moments(
            count,
            np.where(self.count == 0, other.mean, self.mean + apart * share),
            self.squares + other.squares + apart**2 * self.count * share,
            np.minimum(self.least, other.least),
            np.maximum(self.most, other.most),
        )

    @property
    def std(self) -> Array:
        """Of the population, (bands,)."""
        return np.asarray(np.sqrt(self.squares / np.maximum(self.count, 1)))
