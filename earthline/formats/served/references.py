"""Real tiles with what the proven SavedModel gave for them: written beside it, asked of whatever serves it.

One file beside the contract: `probe.npz`. It needs no examples, so that any version of the registry can be asked at
any time, also by a rollback months later.
"""

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from earthline.formats import tensors
from earthline.formats.served.contract import Contract

Array = np.ndarray[Any, Any]

PROBE = "probe.npz"
MOST_BYTES = 64 << 20
"""Most bytes of a file that is read, unpacked."""


def scale(outputs: Array) -> float:
    """What differences of outputs are measured by: the largest finite one, and 1 where all are smaller.

    Args:
        outputs: Of a model, any shape.
    """
    known = np.abs(outputs[np.isfinite(outputs)])
    return max(1.0, float(known.max())) if known.size else 1.0


class ProbeFileError(ValueError):
    """A probe file that cannot be used; the text says why."""


@dataclass(frozen=True)
class Reference:
    """Tiles and answers.

    Attributes:
        image: float32 (tiles, height, width, bands), in the contract's order of bands.
        valid: float32 (tiles, height, width): 1 where every band is valid, 0 elsewhere.
        outputs: float32 (tiles, height, width, entries) that the proven SavedModel gave.
    """

    image: Array
    valid: Array
    outputs: Array

    def __post_init__(self) -> None:
        """Raises ProbeFileError where the three do not cover the same pixels."""
        shapes = [list(each.shape) for each in (self.image, self.valid, self.outputs)]
        fits = [len(shape) for shape in shapes] == [4, 3, 4] and len({tuple(shape[:3]) for shape in shapes}) == 1
        if not fits or not len(self.image):
            raise ProbeFileError(f"image, valid and outputs have the shapes {shapes}, which do not fit together")

    @property
    def shape(self) -> tuple[int, int]:
        """Pixels (height, width) of each tile."""
        height, width = self.valid.shape[1:]
        return int(height), int(width)

    def instance(self, tile: int, contract: Contract) -> dict[str, str]:
        """One tile as Earth Engine sends it: a text per input.

        Args:
            tile: Its place.
            contract: Names the inputs.
        """
        values = {band: self.image[tile, :, :, place : place + 1] for place, band in enumerate(contract.bands)}
        values[contract.valid] = self.valid[tile, :, :, np.newaxis]
        return {name: tensors.encode(contract.typed(name, each)) for name, each in values.items()}

    def write(self, folder: Path) -> None:
        """Writes `probe.npz` into a SavedModel's folder."""
        np.savez_compressed(folder / PROBE, image=self.image, valid=self.valid.astype(np.uint8), outputs=self.outputs)

    @classmethod
    def read(cls, folder: Path) -> "Reference":
        """Reads `probe.npz` from a SavedModel's folder.

        Raises:
            ProbeFileError: There is none, or it is too large or of another form.
        """
        path = folder / PROBE
        try:
            with zipfile.ZipFile(path) as packed:
                unpacked = sum(each.file_size for each in packed.infolist())
            if unpacked > MOST_BYTES:
                raise ProbeFileError(f"{PROBE} holds {unpacked:,} bytes, over {MOST_BYTES:,}")
            with np.load(path, allow_pickle=False) as arrays:
                image, valid, outputs = (arrays[name].astype(np.float32) for name in ("image", "valid", "outputs"))
        except ProbeFileError:
            raise
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise ProbeFileError(
                f"no usable {PROBE} beside the SavedModel ({error}); prepare the model again"
            ) from error
        return cls(image, valid, outputs)
