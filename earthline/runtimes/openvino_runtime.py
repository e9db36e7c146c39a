"""A network in OpenVINO: no TensorFlow is needed, and it is loaded in part of a second.

On a processor with two threads a tile on one thread each takes less time, in all, than tiles one after the other on
both, and a batch gains nothing. So each processor has a stream of its own, and a tile alone gets all processors.

OpenVINO is fast where it knows the shape; a network of free shapes took half as long again. So there is a compiled
network for each shape of the plan, and for any other that comes again and again.
"""

import threading
from collections import Counter, OrderedDict, deque
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import numpy as np

from earthline.formats.served.contract import Contract
from earthline.runtimes import openvino_graph, processors
from earthline.runtimes.planes import planes
from earthline.runtimes.runtime import Array, RuntimeFault

FOLDER = "openvino"
"""Beside the SavedModel."""
NETWORK = "model.xml"
"""Float32 (tiles, bands + 1, height, width) to (tiles, height, width, entries)."""
MOST_SHAPES = 4
"""Compiled networks of shapes that are not the plan's."""
WORTH_COMPILING = 3
"""Calls with a shape after which it is compiled: it takes about as long as ten to twenty tiles."""
_MOST_SEEN = 1000
"""Shapes that are counted."""
_MOST_KEPT = 256
"""Operations, each for one shape, that a network of free shapes keeps; by default 5,000, which is gigabytes."""
_DEVICE = "CPU"
# With its default, OpenVINO computes in bfloat16 where the processor can: fast, but not what was proven.
_EXACT = {"INFERENCE_PRECISION_HINT": "f32", "EXECUTION_MODE_HINT": "ACCURACY", "ENABLE_CPU_PINNING": False}


class OpenVinoRuntime:
    """A converted network."""

    name = "openvino"

    def __init__(self, folder: Path, threads: int | None = None) -> None:
        """Loads it, compiles it for the plan's shapes, and computes a tile of each.

        Args:
            folder: The SavedModel with its contract and the folder `openvino`.
            threads: Processors to use; left out, as many as this process may.

        Raises:
            RuntimeFault: No contract, no network, or one that does not fit the contract.
        """
        import openvino

        try:
            self.contract = Contract.read(folder)
        except (OSError, ValueError) as error:
            raise RuntimeFault(f"no usable contract beside the SavedModel: {error}") from error
        self.calls = threads or processors.count()
        self.batch = 1
        self._core = openvino.Core()
        self._network_read = self._read(folder / FOLDER / NETWORK)
        self._copying = threading.Lock()
        self._lock = threading.Lock()
        self._compiling = threading.Lock()
        self._busy = 0
        self._seen: Counter[tuple[int, int]] = Counter()
        self._further: OrderedDict[tuple[int, int], _Compiled] = OrderedDict()
        self._free: _Compiled | None = None
        planned = list(dict.fromkeys(self._sides(shape) for shape in self.contract.warm_shapes))
        with ThreadPoolExecutor(len(planned)) as pool:
            self._planned = dict(
                zip(planned, pool.map(lambda sides: self._compiled(sides, self.calls), planned), strict=True)
            )
        self._wide: dict[tuple[int, int], _Compiled] = {}
        for shape in self.contract.warm_shapes:
            self.predict({name: np.zeros((self.calls, *shape), np.float32) for name in self.contract.inputs})
        if self.calls > 1:
            # Ready without: until they are there, a tile alone has one processor. A process that ends meanwhile waits:
            # OpenVINO aborts where its thread is cut off.
            threading.Thread(target=self._widen, name="widen").start()

    def predict(self, inputs: Mapping[str, Array]) -> Array:
        """As `Runtime.predict`."""
        height, width = inputs[self.contract.valid].shape[1:]
        whole = planes(inputs, self.contract)
        sides = (whole.shape[2], whole.shape[3])
        with self._lock:
            alone = self._busy == 0 and len(whole) == 1
            self._busy += 1
        try:
            network = self._wide.get(sides) if alone else None
            found = (network or self._network(sides)).compute(whole)
        finally:
            with self._lock:
                self._busy -= 1
        if self._gives_planes:
            found = found.transpose(0, 2, 3, 1)
        return found if found.shape[1:3] == (height, width) else found[:, :height, :width]

    def _widen(self) -> None:
        for sides in self._planned:
            wide = self._compiled(sides, 1)
            wide.compute(np.zeros((1, len(self.contract.inputs), *sides), np.float32))
            self._wide[sides] = wide

    def _network(self, sides: tuple[int, int]) -> "_Compiled":
        planned = self._planned.get(sides)
        if planned is not None:
            return planned
        with self._lock:
            if sides in self._further:
                self._further.move_to_end(sides)
                return self._further[sides]
            if len(self._seen) > _MOST_SEEN:
                self._seen.clear()
            self._seen[sides] += 1
            worth = self._seen[sides] == WORTH_COMPILING  # one caller compiles, and none waits for it
        if not worth:
            return self._any_shape()
        made = self._compiled(sides, self.calls)
        with self._lock:
            self._further[sides] = made
            del self._seen[sides]
            if len(self._further) > MOST_SHAPES:
                self._further.popitem(last=False)
        return made

    def _any_shape(self) -> "_Compiled":
        with self._compiling:
            if self._free is None:
                self._free = self._compiled((-1, -1), self.calls)
            return self._free

    def _sides(self, shape: tuple[int, int]) -> tuple[int, int]:
        rows, columns = (-(-side // self.contract.stride) * self.contract.stride for side in shape)
        return rows, columns

    def _read(self, path: Path) -> Any:
        try:
            read = self._core.read_model(path)
        except RuntimeError as error:
            raise RuntimeFault(f"no usable network at {path}: {error}; prepare the model again") from error
        takes, gives = read.inputs[0].partial_shape, read.outputs[0].partial_shape
        bands, entries = len(self.contract.inputs), self.contract.entries
        if len(read.inputs) != 1 or str(takes[1]) != str(bands) or str(gives[3]) not in (str(entries), "?"):
            raise RuntimeFault(
                f"the network at {path} takes {takes} and gives {gives}; the contract asks for {bands} planes "
                f"and {entries} entries: prepare the model again"
            )
        openvino_graph.keep_divisions(read)
        entries_as_they_are = any(output.made == "entries" for output in self.contract.outputs)
        self._gives_planes = openvino_graph.end_on_planes(read, turned=entries_as_they_are)
        return read

    def _compiled(self, sides: tuple[int, int], streams: int) -> "_Compiled":
        with self._copying:
            read = self._network_read.clone()
        read.reshape([1, len(self.contract.inputs), *sides])
        settings = {**_EXACT, "NUM_STREAMS": streams, "INFERENCE_NUM_THREADS": self.calls}
        if -1 in sides:
            settings["CPU_RUNTIME_CACHE_CAPACITY"] = _MOST_KEPT
        return _Compiled(self._core.compile_model(read, _DEVICE, settings), streams)


class _Compiled:
    """A network for one shape, with a request for each stream: a request serves one thread at a time."""

    def __init__(self, network: Any, streams: int) -> None:
        self._requests: SimpleQueue[Any] = SimpleQueue()
        for _ in range(streams):
            self._requests.put(network.create_infer_request())

    def compute(self, whole: Array) -> Array:
        """What the network gives for float32 (tiles, planes, height, width), on as many streams as are free."""
        found: list[Any] = []
        running: deque[Any] = deque()
        taken: list[Any] = []

        def finished() -> Any:
            request = running.popleft()
            request.wait()
            found.append(request.get_output_tensor(0).data.copy())
            return request

        try:
            for place in range(len(whole)):
                request = self._take(wait=not running)
                if request is None:
                    request = finished()
                else:
                    taken.append(request)
                request.set_input_tensor(_tensor(whole[place : place + 1]))
                request.start_async()
                running.append(request)
            while running:
                finished()
        finally:
            for request in running:
                request.wait()
            for request in taken:
                self._requests.put(request)
        return found[0] if len(found) == 1 else np.concatenate(found)

    def _take(self, *, wait: bool) -> Any:
        # Only who holds none may wait: two that each hold one and wait for another would wait for ever.
        try:
            return self._requests.get(block=wait)
        except Empty:
            return None


def _tensor(values: Array) -> Any:
    from openvino import Tensor

    return Tensor(values, shared_memory=True)
