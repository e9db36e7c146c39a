"""Training patches with their places, and what the trained model gave for them: written beside a SavedModel.

By them it is checked on every run that Earth Engine gives an endpoint the pixels that the model was trained on. One
file beside the contract, `patches.npz`; there is none where nobody knows where patches lie.
"""

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

PATCHES = "patches.npz"
MOST_BYTES = 256 << 20
"""Most bytes of a file that is read, unpacked."""


class PatchesFileError(ValueError):
    """A file of patches that cannot be used; the text says why."""


@dataclass(frozen=True)
class PlacedPatches:
    """Patches as the export stored them, and answers.

    Attributes:
        bands: Names along the image's last axis.
        image: float32 (patches, height, width, bands); 0 where masked.
        valid: float32 (patches, height, width): 1 where every band is valid, else 0.
        places: int64 (patches, 2): row and column of each first pixel on the grid.
        outputs: float32 (patches, rows, columns, entries) that the trained model gave for the first rows and columns of
            each patch: as many as a request may hold.
        grid: Grid of the whole region, as the manifest has it: crs, transform, shape (height, width).
        expression_hash: SHA-256 of the expression that was exported.
        data_type: NumPy name of the type in which the export stored values.
        told: Of examples made elsewhere, how they were split; empty of our own.
        receptive_field: Side in pixels of the ground on which one pixel's output rests; 0 where unknown.
    """

    bands: tuple[str, ...]
    image: Array
    valid: Array
    places: Array
    outputs: Array
    grid: dict[str, Any]
    expression_hash: str
    data_type: str
    told: str = ""
    receptive_field: int = 0

    def __post_init__(self) -> None:
        """Raises PatchesFileError where shapes do not fit together."""
        count = len(self.image)
        fits = (
            self.image.ndim == self.outputs.ndim == 4
            and self.image.shape[3] == len(self.bands)
            and self.valid.shape == self.image.shape[:3]
            and self.places.shape == (count, 2)
            and len(self.outputs) == count > 0
            and all(part <= whole for part, whole in zip(self.outputs.shape[1:3], self.valid.shape[1:], strict=True))
        )
        if not fits:
            shapes = [list(each.shape) for each in (self.image, self.valid, self.places, self.outputs)]
            raise PatchesFileError(f"image, valid, places and outputs have the shapes {shapes}, which do not fit")

    @property
    def shape(self) -> tuple[int, int]:
        """Pixels (height, width) of each patch."""
        height, width = self.valid.shape[1:]
        return int(height), int(width)

    @property
    def answered_shape(self) -> tuple[int, int]:
        """Pixels (height, width) of each patch for which there is an answer."""
        height, width = self.outputs.shape[1:3]
        return int(height), int(width)

    def write(self, folder: Path) -> None:
        """Writes `patches.npz` into a SavedModel's folder."""
        told = {
            "bands": list(self.bands),
            "grid": self.grid,
            "expression_hash": self.expression_hash,
            "data_type": self.data_type,
            "told": self.told,
            "receptive_field": self.receptive_field,
        }
        np.savez_compressed(
            folder / PATCHES,
            image=self.image,
            valid=self.valid.astype(np.uint8),
            places=self.places,
            outputs=self.outputs,
            told=np.array(json.dumps(told)),
        )

    @classmethod
    def read(cls, folder: Path) -> "PlacedPatches | None":
        """Reads `patches.npz` from a SavedModel's folder; None where there is none.

        Raises:
            PatchesFileError: It is too large or of another form.
        """
        path = folder / PATCHES
        if not path.exists():
            return None
        try:
            with zipfile.ZipFile(path) as packed:
                unpacked = sum(each.file_size for each in packed.infolist())
            if unpacked > MOST_BYTES:
                raise PatchesFileError(f"{PATCHES} holds {unpacked:,} bytes, over {MOST_BYTES:,}")
            with np.load(path, allow_pickle=False) as arrays:
                told = json.loads(str(arrays["told"]))
                return cls(
                    bands=tuple(told["bands"]),
                    image=arrays["image"].astype(np.float32),
                    valid=arrays["valid"].astype(np.float32),
                    places=arrays["places"].astype(np.int64),
                    outputs=arrays["outputs"].astype(np.float32),
                    grid=told["grid"],
                    expression_hash=str(told["expression_hash"]),
                    data_type=str(told["data_type"]),
                    told=str(told["told"]),
                    receptive_field=int(told["receptive_field"]),
                )
        except PatchesFileError:
            raise
        except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
            raise PatchesFileError(
                f"no usable {PATCHES} beside the SavedModel ({error}); prepare the model again"
            ) from error
