"""Where the patches of an Earth Engine image export lie: its mixer file.

https://developers.google.com/earth-engine/guides/tfrecord#the_tfrecord_mixer_file
"""

import json
from dataclasses import dataclass

from earthline.grid import Grid


class MixerError(ValueError):
    """A mixer file that cannot be used; the text names the file and the key."""


@dataclass(frozen=True)
class Mixer:
    """Patches row by row, from the first record of the first file on.

    Attributes:
        name: Of the file, for messages.
        grid: Of all patches together; the last row of patches may not be full.
        patch_shape: Pixels of a patch (height, width).
        per_row: Patches beside each other.
        total: Number of patches.
    """

    name: str
    grid: Grid
    patch_shape: tuple[int, int]
    per_row: int
    total: int

    @classmethod
    def read(cls, name: str, content: bytes) -> "Mixer":
        """Reads a mixer file.

        Args:
            name: Of the file, for messages.
            content: JSON.

        Raises:
            MixerError: It is not what Earth Engine writes.
        """
        try:
            written = json.loads(content)
            projection = written["projection"]
            a, b, c, d, e, f = (float(number) for number in projection["affine"]["doubleMatrix"])
            width, height = (int(pixels) for pixels in written["patchDimensions"])
            per_row, total = int(written["patchesPerRow"]), int(written["totalPatches"])
            crs = str(projection["crs"])
        except (KeyError, TypeError, ValueError) as error:
            told = f"`{error.args[0]}` is missing" if isinstance(error, KeyError) else str(error)
            raise MixerError(f"{name}: no mixer file of an Earth Engine export: {told}") from error
        if min(width, height, per_row, total) < 1:
            raise MixerError(f"{name}: patchDimensions, patchesPerRow and totalPatches must be positive")
        shape = (-(-total // per_row) * height, min(per_row, total) * width)
        return cls(name, Grid(crs, (a, b, c, d, e, f), shape), (height, width), per_row, total)

    def corner(self, index: int) -> tuple[int, int]:
        """(row, column) of the first pixel of a patch.

        Args:
            index: Place of its record among those of all files, from 0.
        """
        height, width = self.patch_shape
        return index // self.per_row * height, index % self.per_row * width
