"""Which machines and accelerators train together."""

import json
import os
from collections.abc import Mapping
from typing import Any

import tensorflow as tf


def strategy(environment: Mapping[str, str] = os.environ) -> Any:
    """The `tf.distribute` strategy that fits where this process runs.

    Vertex AI describes a custom job's worker pools in TF_CONFIG: with more than one machine all of them train together;
    else all local GPUs do; else there is nothing to distribute.

    Args:
        environment: Variables of the process.
    """
    if len(_workers(environment)) > 1:
        return tf.distribute.MultiWorkerMirroredStrategy()
    if len(tf.config.list_physical_devices("GPU")) > 1:
        return tf.distribute.MirroredStrategy()
    return tf.distribute.get_strategy()


class AcceleratorError(RuntimeError):
    """The accelerators that were asked for are not there; the text says why and what to do."""


def require_accelerators(count: int) -> None:
    """Checks that TensorFlow sees the accelerators which the machine was given, before hours go by on its processors.

    Args:
        count: GPUs of this machine that the config asks for.

    Raises:
        AcceleratorError: It sees fewer.
    """
    seen = len(tf.config.list_physical_devices("GPU"))
    if seen >= count:
        return
    if not tf.test.is_built_with_cuda():
        why = (
            "this image holds TensorFlow for processors alone: build one with "
            '`make image IMAGE=…:TAG-gpu BUILD_FLAGS="--build-arg TENSORFLOW=gpu"` and name it in train.image'
        )
    else:
        why = "the machine has no more of them, or its driver does not work"
    raise AcceleratorError(
        f"train.accelerator_count asks for {count} GPU(s), TensorFlow sees {seen}: {why}; or set "
        "train.accelerator_type to null and train.accelerator_count to 0 to train on processors"
    )


def is_chief(environment: Mapping[str, str] = os.environ) -> bool:
    """True in the one process that writes the results.

    Args:
        environment: Variables of the process.
    """
    if len(_workers(environment)) <= 1:
        return True
    config = json.loads(environment["TF_CONFIG"])
    task = config["task"]
    if "chief" in config["cluster"]:
        return bool(task["type"] == "chief")
    return bool(task["type"] == "worker" and int(task["index"]) == 0)


def _workers(environment: Mapping[str, str]) -> list[str]:
    text = environment.get("TF_CONFIG", "")
    if not text:
        return []
    try:
        cluster = json.loads(text).get("cluster", {})
        return [address for kind in ("chief", "worker") for address in cluster.get(kind, [])]
    except (ValueError, AttributeError) as error:
        raise ValueError(f"TF_CONFIG is not the JSON that Vertex AI writes: {text[:200]!r}") from error
