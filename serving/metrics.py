"""What the server counts, in the format of Prometheus."""

from collections.abc import Sequence

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1, 2, 5, 10, 30, 60)
_TILES = (1, 2, 4, 8, 16, 32)


class Metrics:
    """Counters of one server.

    Attributes:
        requests: By status and protocol, `http` or `grpc`.
        seconds: From the first byte of a request to its answer, by protocol.
        refused: Requests that were not computed, by what was exhausted: `queue`, `deadline` or `bodies`.
        waiting: Tiles in the queue.
        ready: 1 while the model is loaded and no end is asked for.
        model: Which runtime computes which model.
    """

    def __init__(self) -> None:
        """Begins at 0."""
        registry = self._registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        self.requests = Counter("earthline_requests", "Requests answered.", ["protocol", "status"], registry=registry)
        self.seconds = Histogram(
            "earthline_request_seconds", "Time of requests.", ["protocol"], buckets=_SECONDS, registry=registry
        )
        self.refused = Counter(
            "earthline_refused", "Requests refused, by what was exhausted.", ["exhausted"], registry=registry
        )
        self.waiting = Gauge("earthline_waiting_tiles", "Tiles in the queue.", registry=registry)
        self.ready = Gauge("earthline_ready", "1 while requests are answered.", registry=registry)
        self.model = Info("earthline_model", "What computes.", registry=registry)
        self._tiles = Counter("earthline_tiles", "Tiles computed.", registry=registry)
        self._batches = Histogram(
            "earthline_batch_tiles", "Tiles in a call of the model.", buckets=_TILES, registry=registry
        )
        self._compute = Histogram(
            "earthline_compute_seconds", "Time of a call of the model.", buckets=_SECONDS, registry=registry
        )
        self._wait = Histogram(
            "earthline_wait_seconds", "Time that a tile waited.", buckets=_SECONDS, registry=registry
        )

    def computed(self, tiles: int, seconds: float, waited: Sequence[float]) -> None:
        """Counts a call of the model.

        Args:
            tiles: In it.
            seconds: That it took.
            waited: Seconds that each tile had waited before.
        """
        self._tiles.inc(tiles)
        self._batches.observe(tiles)
        self._compute.observe(seconds)
        for each in waited:
            self._wait.observe(each)

    def text(self) -> bytes:
        """All of them, as `CONTENT_TYPE`."""
        return generate_latest(self._registry)
