"""Earth Engine's limits, each with the text that Earth Engine itself gives when a request goes beyond it.

Source: https://developers.google.com/earth-engine/guides/usage, and the messages that users quote in public
issue trackers.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from earthline_sandbox.errors import ApiError, invalid
from earthline_sandbox.limits import AdjustableLimits

TOO_MANY_REQUESTS = (
    "Too Many Requests: Request was rejected because the request rate or concurrency limit was exceeded."
)


@dataclass
class Limits(AdjustableLimits):
    """Quotas and sizes of one Earth Engine; all parts of it share one object, so that a change reaches each.

    Attributes:
        request_bytes: Body of one request, in bytes.
        pixels_bytes: Uncompressed pixels of one computePixels or getPixels answer, in bytes.
        pixels_side: Side of its grid, in pixels.
        download_bytes: Uncompressed pixels of one thumbnail or download, in bytes.
        download_side: Side of its grid, in pixels.
        bands: Bands of one request for pixels.
        value_bytes: One computed value, as JSON, in bytes.
        elements: Elements of one collection in an answer.
        requests_per_minute: Requests of any kind within a minute.
        concurrent: Interactive computations at a time.
        interactive_seconds: Time that one of them may take.
        memory_bytes: Memory that one of them may hold.
        total_memory_bytes: Memory that all of them, or one task, may hold.
        aggregations: Reductions of regions and collections in one of them. Earth Engine publishes no number.
        running_operations: Batch tasks that run at the same time.
        queued_operations: Batch tasks that may wait.
        export_pixels: Pixels of one export unless the request says otherwise.
        asset_bytes: Uncompressed size of one ingested image, in bytes.
    """

    request_bytes: int = 10_485_760
    pixels_bytes: int = 50_331_648
    pixels_side: int = 32_768
    download_bytes: int = 33_554_432
    download_side: int = 10_000
    bands: int = 1_024
    value_bytes: int = 104_857_600
    elements: int = 5_000
    requests_per_minute: int = 6_000
    concurrent: int = 40
    interactive_seconds: float = 300.0
    memory_bytes: int = 1_073_741_824
    total_memory_bytes: int = 3_221_225_472
    aggregations: int = 10_000
    running_operations: int = 2
    queued_operations: int = 3_000
    export_pixels: int = 100_000_000
    asset_bytes: int = 10 * 2**30

    def check_value(self, size: int) -> None:
        """Raises INVALID_ARGUMENT where a computed value of `size` bytes is too large."""
        if size > self.value_bytes:
            raise invalid("Computed value is too large.")

    def check_body(self, size: int) -> None:
        """Raises INVALID_ARGUMENT where a request body of `size` bytes is too large."""
        if size > self.request_bytes:
            raise invalid(f"Request payload size exceeds the limit: {self.request_bytes} bytes.")

    def check_pixels(self, shape: tuple[int, int], pixel_bytes: Sequence[int], *, download: bool = False) -> None:
        """Raises INVALID_ARGUMENT where an answer would be too large.

        Args:
            shape: Grid `(height, width)`.
            pixel_bytes: Bytes per pixel of each band; one more is counted for its mask, as Earth Engine does.
            download: True for thumbnails and downloads, which have smaller limits.
        """
        height, width = shape
        side = self.download_side if download else self.pixels_side
        limit = self.download_bytes if download else self.pixels_bytes
        if len(pixel_bytes) > self.bands:
            raise invalid(f"Too many bands ({len(pixel_bytes)}): at most {self.bands} bands per request.")
        if height > side or width > side:
            raise invalid(f"Pixel grid dimensions ({width}x{height}) must be less than or equal to {side}.")
        size = height * width * sum(count + 1 for count in pixel_bytes)
        if size > limit:
            raise invalid(f"Total request size ({size} bytes) must be less than or equal to {limit} bytes.")


@dataclass
class Slots:
    """Counts interactive computations, and refuses those beyond the quota.

    Attributes:
        limit: Computations at a time.
    """

    limit: int
    _taken: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def taken(self) -> int:
        """Computations that run or wait for a thread right now."""
        return self._taken

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Holds one slot; raises RESOURCE_EXHAUSTED (429, which clients retry) where none is free."""
        with self._lock:
            if self._taken >= self.limit:
                raise ApiError("RESOURCE_EXHAUSTED", TOO_MANY_REQUESTS)
            self._taken += 1
        try:
            yield
        finally:
            with self._lock:
                self._taken -= 1


class Rate:
    """Counts the requests of the last minute, and refuses those beyond the quota."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Takes what tells the time, in seconds."""
        self._clock = clock
        self._times: deque[float] = deque()
        self._lock = threading.Lock()

    def take(self, limit: int) -> None:
        """Counts a request; raises RESOURCE_EXHAUSTED (429) where a minute has had `limit` of them."""
        with self._lock:
            now = self._clock()
            while self._times and self._times[0] <= now - 60:
                self._times.popleft()
            if len(self._times) >= limit:
                raise ApiError("RESOURCE_EXHAUSTED", TOO_MANY_REQUESTS)
            self._times.append(now)
