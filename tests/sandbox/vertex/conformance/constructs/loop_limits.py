"""A loop with parallelism=2 never has more than two iterations under way."""

from kfp import dsl

CONSTRUCT = "`dsl.ParallelFor(parallelism=)`"
SANDBOX = "so many iterations at the same time at most"
LOCAL = "same"
VERTEX = "as KFP describes it"
SOURCE = "https://www.kubeflow.org/docs/components/pipelines/user-guides/core-functions/control-flow/"


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def work(trace: str, item: int):
    import time

    with open(trace, "a") as file:
        file.write(f"+{item}\n")
    time.sleep(0.2)
    with open(trace, "a") as file:
        file.write(f"-{item}\n")


@dsl.pipeline(name="loop-limits")
def pipeline(trace: str):
    with dsl.ParallelFor([1, 2, 3, 4], parallelism=2) as item:
        work(trace=trace, item=item)


def check(trace):
    running = most = 0
    for line in trace:
        running += 1 if line[0] == "+" else -1
        most = max(most, running)
    assert most <= 2, trace


RUNS = [{"trace": [f"{sign}{item}" for item in (1, 2, 3, 4) for sign in "+-"]}]
