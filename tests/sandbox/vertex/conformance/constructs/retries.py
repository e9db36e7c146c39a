"""A failed task is tried again so many times, with growing waits; then it has failed."""

import itertools

from kfp import dsl

CONSTRUCT = "`set_retry()` with back-off"
SANDBOX = "so many further attempts, waits grow by the factor up to the longest"
LOCAL = "same"
VERTEX = "retries and waits: 0 s, factor 2 and at most 3,600 s unless given"
SOURCE = "https://cloud.google.com/vertex-ai/docs/pipelines/configure-retries"


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def attempt(trace: str, good: int):
    import time

    with open(trace, "a") as file:
        file.write(f"try at {time.time()}\n")
    with open(trace) as file:
        tries = len(file.readlines())
    if tries < good:
        raise RuntimeError(f"attempt {tries}")


@dsl.pipeline(name="retries")
def pipeline(trace: str, good: int):
    attempt(trace=trace, good=good).set_retry(2, backoff_duration="1s", backoff_factor=2.0)


def check(trace):
    times = [float(line.rpartition(" ")[2]) for line in trace]
    waits = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert all(wait >= least for wait, least in zip(waits, (1.0, 2.0), strict=False)), waits


RUNS = [
    {"arguments": {"good": 2}, "lines": 2},
    {"arguments": {"good": 9}, "lines": 3, "state": "FAILED"},
]
