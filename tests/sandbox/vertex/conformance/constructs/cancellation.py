"""A cancelled job ends what runs, begins nothing more, and a task gets SIGTERM and time to tidy up."""

from kfp import dsl

CONSTRUCT = "cancel"
SANDBOX = "CANCELLING, then CANCELLED; a running task gets SIGTERM and 10 s before SIGKILL; nothing more begins"
LOCAL = "no such call"
VERTEX = "CANCELLING while the remaining tasks are cancelled, then CANCELLED"
SOURCE = "https://cloud.google.com/vertex-ai/docs/pipelines/cancel-pipeline-runs"
LOCAL_RUNS = None
CANCEL_AFTER = "running"


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def work(trace: str):
    import signal
    import sys
    import time

    def stop(*_):
        with open(trace, "a") as file:
            file.write("tidied up\n")
        sys.exit(1)

    signal.signal(signal.SIGTERM, stop)
    with open(trace, "a") as file:
        file.write("running\n")
    time.sleep(120)


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def mark(trace: str, text: str):
    with open(trace, "a") as file:
        file.write(f"{text}\n")


@dsl.pipeline(name="cancellation")
def pipeline(trace: str):
    mark(trace=trace, text="behind").after(work(trace=trace))


RUNS = [{"trace": ["running", "tidied up"], "state": "CANCELLED", "tasks": {"work": "CANCELLED", "mark": "CANCELLED"}}]
