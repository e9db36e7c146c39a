"""With the policy fast nothing is begun after a failure; what runs is left to end."""

from kfp import dsl

CONSTRUCT = '`failure_policy="fast"`'
SANDBOX = "nothing more begins, what runs ends by itself"
LOCAL = "no such option"
VERTEX = "stops scheduling; tasks that are scheduled already run to their end"
SOURCE = "https://cloud.google.com/vertex-ai/docs/pipelines/configure-failure-policy"
LOCAL_RUNS = None


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def wait_for(trace: str, text: str, mine: str, fails: bool):
    import time

    deadline = time.monotonic() + 20
    found = ""
    while text not in found and time.monotonic() < deadline:
        time.sleep(0.05)
        with open(trace) as file:
            found = file.read()
    time.sleep(0.0 if fails else 1.0)
    with open(trace, "a") as file:
        file.write(f"{mine}\n")
    if fails:
        raise RuntimeError(mine)


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def mark(trace: str, text: str):
    with open(trace, "a") as file:
        file.write(f"{text}\n")


@dsl.pipeline(name="failure-policy")
def pipeline(trace: str):
    begun = mark(trace=trace, text="begun")
    wait_for(trace=trace, text="begun", mine="failed", fails=True)
    slow = wait_for(trace=trace, text="failed", mine="slow", fails=False)
    mark(trace=trace, text="behind").after(slow, begun)


RUNS = [
    {"policy": "PIPELINE_FAILURE_POLICY_FAIL_SLOW", "trace": ["begun", "failed", "slow", "behind"], "state": "FAILED"},
    {"policy": "PIPELINE_FAILURE_POLICY_FAIL_FAST", "trace": ["begun", "failed", "slow"], "state": "FAILED"},
]
