"""One SavedModel that is tried, and the answers that a term gives about it."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from components.prepare_saved_model.proof.evidence import Evidence
from components.prepare_saved_model.proof.served import Served
from earthline.formats.served.contract import Contract

Array = np.ndarray[Any, Any]

_SAYS_NOTHING = ("Graph execution error", "Detected at node", "Exception encountered when")


class Refused(ValueError):
    """A term that does not hold; the text says what was found, `fix` what mends it."""

    def __init__(self, detail: str, fix: str = "") -> None:
        """Says what was found, and what mends it; left out, the term says that."""
        super().__init__(detail)
        self.fix = fix


class Undecided(ValueError):
    """A term that says nothing here, or a doubt that refuses nothing; the text says why."""


@dataclass(frozen=True)
class Case:
    """What is tried, against what.

    Attributes:
        folder: The SavedModel with its contract.
        contract: Its contract.
        evidence: What the trained model gave.
    """

    folder: Path
    contract: Contract
    evidence: Evidence

    @cached_property
    def served(self) -> Served:
        """The SavedModel, loaded once. Raises Refused where it cannot be called by its contract."""
        return Served(self.folder, self.contract, self.evidence.bands)

    @property
    def tolerance(self) -> float:
        """Largest difference of an entry that passes."""
        return self.evidence.tolerance

    def compare(self, found: Array, wanted: Array, told: str) -> float:
        """The largest difference of two answers.

        Args:
            found: float32, any shape.
            wanted: Of the same shape.
            told: What was done, for the refusal, such as `NaN under the mask`.

        Raises:
            Refused: They differ by more than the tolerance, or in shape.
        """
        name = self.contract.output
        if found.shape != wanted.shape:
            raise Refused(f"{told} gives {name} of shape {list(found.shape)} instead of {list(wanted.shape)}")
        difference = float(np.abs(found - wanted).max(initial=0.0))
        if not difference <= self.tolerance:  # neither is NaN
            raise Refused(f"{told} changes {name} by up to {difference:.2g}; it must change none")
        return difference


def mirrored(tiles: Array, height: int, width: int) -> Array:
    """Tiles cut or mirrored at their far edges to another height and width.

    Args:
        tiles: (tiles, height, width, …).
        height: In pixels.
        width: In pixels.
    """
    rows, columns = tiles.shape[1:3]
    edges = [(0, 0), (0, max(0, height - rows)), (0, max(0, width - columns)), *[(0, 0)] * (tiles.ndim - 3)]
    return np.pad(tiles, edges, mode="symmetric")[:, :height, :width]


def reason(error: Exception) -> str:
    """What an error says, in one line: TensorFlow's first lines often say only that there is one."""
    lines = [line.strip() for line in str(error).splitlines()]
    telling = [line for line in lines if line and not line.startswith(_SAYS_NOTHING)]
    return (telling or [type(error).__name__])[0][:500]
