"""after() orders tasks that exchange nothing; what follows a failed task is not triggered; the rest goes on."""

from kfp import dsl

CONSTRUCT = "`after()`, failure of one task"
SANDBOX = "what follows a failed task is NOT_TRIGGERED, all else runs (failure policy slow)"
LOCAL = "without control flow the first failure ends the run: independent tasks may never run"
VERTEX = "slow, the default: runs until no more tasks can be run"
SOURCE = "https://cloud.google.com/vertex-ai/docs/pipelines/configure-failure-policy"


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def mark(trace: str, text: str, fails: bool = False):
    with open(trace, "a") as file:
        file.write(f"{text}\n")
    if fails:
        raise RuntimeError(text)


@dsl.pipeline(name="task-order")
def pipeline(trace: str, fails: bool):
    first = mark(trace=trace, text="first")
    second = mark(trace=trace, text="second").after(first)
    third = mark(trace=trace, text="third", fails=fails).after(first)
    fourth = mark(trace=trace, text="fourth").after(second)
    mark(trace=trace, text="fifth").after(third, fourth)


def check(trace):
    assert trace[0] == "first"
    assert "fifth" not in trace or trace[-1] == "fifth"


RUNS = [
    {"arguments": {"fails": False}, "trace": ["first", "second", "third", "fourth", "fifth"]},
    {
        "arguments": {"fails": True},
        "trace": ["first", "second", "third", "fourth"],
        "state": "FAILED",
        "tasks": {"mark-3": "FAILED", "mark-4": "SUCCEEDED", "mark-5": "NOT_TRIGGERED"},
    },
]
LOCAL_RUNS = [{}, {"among": ["first", "second", "third", "fourth"], "state": "FAILED"}]
