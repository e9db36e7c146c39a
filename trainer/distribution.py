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
