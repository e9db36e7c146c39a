"""Which machines and accelerators train together."""

import json
import os
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from trainer.input.feed import Parts


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


def parts(strategy: Any) -> Parts:
    """The parts of each batch that this machine reads.

    Args:
        strategy: Of `strategy`.
    """
    total = strategy.num_replicas_in_sync
    # Machines of a custom job are alike, so each has as many devices.
    here = total // max(1, len(_workers(os.environ)))
    return Parts(total=total, here=here, first=_number(os.environ) * here)


def mean(strategy: Any, value: float) -> float:
    """The mean of a number over all machines; each of them has to ask.

    Args:
        strategy: Of `strategy`.
        value: This machine's.
    """
    if strategy.num_replicas_in_sync == 1:
        return value
    return float(_reduced(strategy, tf.distribute.ReduceOp.MEAN, value))


def require_agreement(strategy: Any, value: int, what: str) -> None:
    """Checks that all machines have the same number.

    Args:
        strategy: Of `strategy`.
        value: This machine's.
        what: Where it comes from, for the message.

    Raises:
        ValueError: They have not.
    """
    if strategy.num_replicas_in_sync == 1:
        return
    # Steps of a run are far below 2**53, up to which a float64 is exact.
    found = float(_reduced(strategy, tf.distribute.ReduceOp.MEAN, float(value)))
    if found != value:
        raise ValueError(f"{what} is not the same on all machines; give them a folder that all of them see")


def say(text: str) -> None:
    """Prints a line of the log, once however many machines train.

    Args:
        text: The line.
    """
    if is_chief():
        print(text, flush=True)


def wait_for_all(strategy: Any) -> None:
    """Returns once every machine has come here: one that ends earlier would end the others.

    Args:
        strategy: Of `strategy`.
    """
    mean(strategy, 0.0)


def _reduced(strategy: Any, how: Any, value: float) -> Any:
    @tf.function  # type: ignore[untyped-decorator]  # TensorFlow publishes no types
    def everywhere(number: Any) -> Any:
        return strategy.reduce(how, strategy.run(lambda: tf.identity(number)), axis=None)

    return everywhere(tf.constant(value, tf.float64)).numpy()


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
    others = _workers(os.environ)
    where = f"machine {_number(os.environ) + 1} of {len(others)}: " if len(others) > 1 else ""
    raise AcceleratorError(
        f"{where}train.accelerator_count asks for {count} GPU(s), TensorFlow sees {seen}: {why}; or set "
        "train.accelerator_type to null and train.accelerator_count to 0 to train on processors"
    )


def is_chief(environment: Mapping[str, str] = os.environ) -> bool:
    """True in the one process that writes the results.

    Args:
        environment: Variables of the process.
    """
    return _number(environment) == 0


def _number(environment: Mapping[str, str]) -> int:
    """Position of this machine among those that train, from 0; the chief comes first."""
    if len(_workers(environment)) <= 1:
        return 0
    config = json.loads(environment["TF_CONFIG"])
    task, chiefs = config["task"], config["cluster"].get("chief", [])
    return int(task["index"]) + (0 if task["type"] == "chief" else len(chiefs))


def _workers(environment: Mapping[str, str]) -> list[str]:
    text = environment.get("TF_CONFIG", "")
    if not text:
        return []
    try:
        cluster = json.loads(text).get("cluster", {})
        return [address for kind in ("chief", "worker") for address in cluster.get(kind, [])]
    except (ValueError, AttributeError) as error:
        raise ValueError(f"TF_CONFIG is not the JSON that Vertex AI writes: {text[:200]!r}") from error
