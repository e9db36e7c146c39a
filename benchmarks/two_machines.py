"""Patches a second that two machines of one core train together, beside one of them alone."""

import json
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks import made_examples
from benchmarks.measurements import Measurement
from earthline.config import Train
from trainer.description import HISTORY


def measure(
    *, patches: int = 160, side: int = 64, bands: int = 5, batch: int = 16, epochs: int = 4
) -> list[Measurement]:
    """Each process has one thread to compute with; two is the most that two can be.

    Args:
        patches: Of the training split.
        side: Height and width of a patch in pixels.
        bands: Number of bands.
        batch: Patches of a step, of both together.
        epochs: That are trained; the first one is left out.
    """
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        made_examples.write(folder, (patches, batch, 1), side, bands)
        train = Train(batch_size=batch, epochs=epochs, patience=epochs, speed="plain", replicas=2)
        alone, together = (_seconds(train, folder, folder / f"machines_{count}", count) for count in (1, 2))
    return [
        Measurement("two machines of a core", patches / together, "one of them", patches / alone, "patches/s"),
    ]


def _seconds(train: Train, examples: Path, model: Path, machines: int) -> float:
    """Of the fastest epoch."""
    words = ["-m", "trainer.task", "--examples", str(examples), "--model-dir", str(model)]
    single = {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
    processes = [
        subprocess.Popen(
            [sys.executable, *words, "--train", train.model_dump_json()],
            env={**os.environ, **single, **({"TF_CONFIG": config} if config else {})},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for config in _clusters(machines)
    ]
    if any([process.wait() for process in processes]):
        raise RuntimeError(f"the training on {machines} machine(s) failed")
    epochs = json.loads((model / HISTORY).read_text())["epochs"]
    return min(float(epoch["seconds"]) for epoch in epochs[1:])


def _clusters(machines: int) -> list[str]:
    """TF_CONFIG of each machine; empty for one alone."""
    if machines == 1:
        return [""]
    sockets = [socket.socket() for _ in range(machines)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    workers = [f"127.0.0.1:{each.getsockname()[1]}" for each in sockets]
    for each in sockets:
        each.close()
    return [
        json.dumps({"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}})
        for index in range(machines)
    ]
