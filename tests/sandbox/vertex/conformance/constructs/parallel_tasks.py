"""Three tasks that do not depend on each other run at the same time: each waits until it sees the other two."""

from kfp import dsl

CONSTRUCT = "independent tasks"
SANDBOX = "at the same time, 8 or 4 per core at most"
LOCAL = "one after the other"
VERTEX = "in parallel, where resources allow"
SOURCE = "https://cloud.google.com/vertex-ai/docs/pipelines/introduction"


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def meet(trace: str, name: str, patience: float):
    import time

    with open(trace, "a") as file:
        file.write(f"{name} came\n")
    deadline = time.monotonic() + patience
    met = False
    while not met and time.monotonic() < deadline:
        with open(trace) as file:
            met = file.read().count("came") == 3
        time.sleep(0.02)
    with open(trace, "a") as file:
        file.write(f"{name} met\n" if met else f"{name} alone\n")


@dsl.pipeline(name="parallel-tasks")
def pipeline(trace: str, patience: float = 20.0):
    for name in ("a", "b", "c"):
        meet(trace=trace, name=name, patience=patience)


CAME = ["a came", "b came", "c came"]
RUNS = [{"trace": [*CAME, "a met", "b met", "c met"]}]
# A serial engine lets only the last one see all three; which one that is, is its own choice.
LOCAL_RUNS = [{"arguments": {"patience": 0.2}, "lines": 6, "count": {"alone": 2, " met": 1}}]
