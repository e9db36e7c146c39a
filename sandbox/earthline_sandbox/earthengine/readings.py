"""Where Google's texts disagree about Earth Engine: which reading the sandbox follows.

Both readings of `inputOverlapSize` and of what `predictImage` gives are in Google's own pages, and how tiles share a
request by gRPC is in none. So a setting lets a test show that a program works under either.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from earthline_sandbox.errors import invalid

TOTAL, EACH_EDGE = "total", "each_edge"
MERGED, ALONE = "merged", "alone"
BATCHED, SINGLE = "batched", "single"
_CHOICES = {"overlap": (TOTAL, EACH_EDGE), "prediction": (MERGED, ALONE), "grpc": (BATCHED, SINGLE)}


@dataclass(frozen=True)
class Readings:
    """One reading of each.

    Attributes:
        overlap: Whether `inputOverlapSize` is what a tile gains along an axis (`total`: half of it on each side, guide
            `ee-vertex-image-predictions`), or what it gains along each of its edges (`each_edge`, API reference).
        prediction: Whether `predictImage` gives the image's bands with the predicted ones after them (`merged`, the
            function's text), or the predicted ones (`alone`, Google's notebook).
        grpc: Whether tiles share a request by gRPC along a first axis of each tensor (`batched`, as TensorFlow Serving
            has it), or each has a request without such an axis (`single`).
    """

    overlap: str = TOTAL
    prediction: str = MERGED
    grpc: str = BATCHED

    def changed(self, values: Mapping[str, Any]) -> "Readings":
        """The same with some others; raises INVALID_ARGUMENT naming one that does not exist or cannot be."""
        for name, value in values.items():
            if name not in _CHOICES:
                raise invalid(f"Unknown reading '{name}'; there are {', '.join(_CHOICES)}.")
            if value not in _CHOICES[name]:
                raise invalid(f"Reading '{name}' must be {' or '.join(_CHOICES[name])}, not {value!r}.")
        return replace(self, **values)

    def to_json(self) -> dict[str, Any]:
        """Each by name."""
        return asdict(self)
