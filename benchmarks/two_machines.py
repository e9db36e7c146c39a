"""Patches a second that two machines of one core train together.

Beside one of them alone, of which two are twice as fast at most, and beside two that train apart at the same time, each
on half of the patches: what is missing there, the processor's cores take from each other; the rest is the talk.
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
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
        whole, half = folder / "whole", folder / "half"
        for examples in (whole, half):
            examples.mkdir()
        made_examples.write(whole, (patches, batch, 1), side, bands)
        made_examples.write(half, (patches // 2, batch // 2, 1), side, bands)
        train = Train(batch_size=batch, epochs=epochs, patience=epochs, speed="plain", replicas=2)
        less = train.model_copy(update={"batch_size": batch // 2})
        alone = _seconds([_started(train, whole, folder / "alone")], [folder / "alone"])
        models = [folder / "one", folder / "other"]
        apart = _seconds([_started(less, half, model) for model in models], models)
        together = folder / "together"
        both = _seconds([_started(train, whole, together, config) for config in _clusters(2)], [together])
    name = "two machines of a core"
    return [
        Measurement(name, patches / both, "one of them", patches / alone, "patches/s"),
        Measurement(name, patches / both, "two that do not talk", patches / apart, "patches/s"),
    ]


def _started(train: Train, examples: Path, model: Path, cluster: str = "") -> "subprocess.Popen[bytes]":
    words = ["-m", "trainer.task", "--examples", str(examples), "--model-dir", str(model)]
    single = {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, *words, "--train", train.model_dump_json()],
        env={**os.environ, **single, **({"TF_CONFIG": cluster} if cluster else {})},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _seconds(processes: "Sequence[subprocess.Popen[bytes]]", models: Sequence[Path]) -> float:
    """Of the fastest epoch of each model, the longest."""
    if any([process.wait() for process in processes]):
        raise RuntimeError(f"a training on {len(processes)} machine(s) failed")
    histories = [json.loads((model / HISTORY).read_text())["epochs"] for model in models]
    return max(min(float(epoch["seconds"]) for epoch in epochs[1:]) for epochs in histories)


def _clusters(machines: int) -> list[str]:
    """TF_CONFIG of each machine."""
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
