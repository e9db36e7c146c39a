"""The model behind the routes: it loads in the background, computes, and ends when it is told to."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from earthline.formats.served.contract import Contract
from earthline.runtimes import Runtime, processors
from serving.batching import Batching
from serving.log_lines import told
from serving.metrics import Metrics
from serving.payloads import Array, Tile
from serving.predictor import BusyError
from serving.settings import Settings

_logger = logging.getLogger("serving")


class ServedModel:
    """One model, as HTTP and gRPC see it: a `Predictor`."""

    def __init__(self, settings: Settings, load: Callable[[], Runtime], metrics: Metrics) -> None:
        """Loads nothing yet.

        Args:
            settings: Limits.
            load: Loads the model; called once, in a thread.
            metrics: Where what happens is told.
        """
        self._settings = settings
        self._load = load
        self._metrics = metrics
        self._batching: Batching | None = None
        self._contract: Contract | None = None
        self._failure = ""
        self._draining = False
        self._loading: asyncio.Task[None] | None = None
        self.codecs = ThreadPoolExecutor(settings.threads or processors.count(), thread_name_prefix="codec")

    @property
    def contract(self) -> Contract | None:
        """Of the model; None until it is loaded, and once an end is asked for."""
        return None if self._draining else self._contract

    @property
    def loaded(self) -> Contract | None:
        """Of the model; None until it is loaded. Requests that arrive before the end are answered."""
        return self._contract

    @property
    def reason(self) -> str:
        """Why there is no contract."""
        if self._draining:
            return "the server is ending; send the request again, to another"
        return f"the model could not be loaded: {self._failure}" if self._failure else "the model is loading"

    def begin(self) -> None:
        """Begins to load, in the running event loop."""
        self._loading = asyncio.create_task(self._loaded())

    def drain(self) -> None:
        """From now on health says no; requests are answered all the same, until the server ends."""
        self._draining = True
        self._metrics.ready.set(0)

    def end(self) -> None:
        """Ends threads. What is computed just now is finished."""
        if self._loading is not None:
            self._loading.cancel()
        if self._batching is not None:
            self._batching.end()
        self.codecs.shutdown(wait=True, cancel_futures=True)

    async def results(self, tiles: Sequence[Tile]) -> Sequence[Array]:
        """As `Predictor.results`."""
        if self._batching is None:
            raise BusyError(self.reason, 1)
        return await self._batching.results(tiles)

    def retry_seconds(self) -> int:
        """When there will be less to do."""
        return 1 if self._batching is None else self._batching.retry_seconds()

    async def _loaded(self) -> None:
        began = time.perf_counter()
        try:
            runtime = await asyncio.get_running_loop().run_in_executor(self.codecs, self._load)
        except Exception as error:
            self._failure = f"{type(error).__name__}: {error}"
            _logger.exception("the model could not be loaded")
            return
        settings = self._settings
        self._batching = Batching(
            runtime,
            self._metrics,
            most_waiting=settings.queue_tiles,
            deadline_seconds=settings.deadline_seconds,
        )
        self._contract = contract = runtime.contract
        self._metrics.model.info({"runtime": runtime.name, "output": contract.output, "split": contract.split_hash})
        if not self._draining:
            self._metrics.ready.set(1)
        _logger.info(
            "model loaded in %.1f s: %s, %d calls at once of at most %d tiles",
            time.perf_counter() - began,
            runtime.name,
            runtime.calls,
            runtime.batch,
            extra=told(runtime=runtime.name, load_seconds=round(time.perf_counter() - began, 3)),
        )
