"""Every placeholder that kfp 2.17 emits, in the arguments of a container and in the constants of a task."""

from typing import Optional

from kfp import dsl

CONSTRUCT = "placeholders, `dsl.ConcatPlaceholder`, `dsl.IfPresentPlaceholder`, container components"
SANDBOX = "all; `dsl.WORKSPACE_PATH_PLACEHOLDER` is refused by name when the job is created"
LOCAL = "container components need its DockerRunner"
VERTEX = "replaced at run time; no workspaces"
SOURCE = "https://kubeflow-pipelines.readthedocs.io/en/stable/source/dsl.html"
LOCAL_RUNS = None

SHOW = 'trace="$0"; for word in "$@"; do printf "%s\\n" "$word"; done >> "$trace"'


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def write(data: dsl.Output[dsl.Dataset]):
    with open(data.path, "w") as file:
        file.write("x")
    data.metadata["rows"] = 7


@dsl.container_component
def show(
    trace: str,
    n: int,
    data: dsl.Input[dsl.Dataset],
    model: dsl.Output[dsl.Model],
    size: dsl.OutputPath(int),
    given: str = "given",
    absent: Optional[str] = None,  # noqa: UP045  # kfp reads the annotation
):
    return dsl.ContainerSpec(
        image="python:3.11",
        command=["sh", "-ec", 'printf 3 > "$1"; shift; ' + SHOW.replace('"$0"', '"$1"; shift'), "sh", size],
        args=[
            trace,
            n,
            f"n={n}",
            data.uri,
            data.path,
            data.metadata["rows"],
            model.uri,
            model.path,
            dsl.ConcatPlaceholder(["a", "-", given, "-", n]),
            dsl.IfPresentPlaceholder(input_name="given", then=["--given", given], else_=["--none"]),
            dsl.IfPresentPlaceholder(input_name="absent", then=["--absent", absent], else_=["--nothing"]),
        ],
    )


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def mark(trace: str, texts: list, executor_input: str, output_file: str):
    import json

    inputs = json.loads(executor_input)["inputs"]
    with open(trace, "a") as file:
        for text in texts:
            file.write(f"{text}\n")
        file.write(f"{sorted(inputs['parameterValues'])} {output_file.rpartition('/')[2]}\n")


@dsl.pipeline(name="placeholders")
def pipeline(trace: str):
    made = write()
    show(trace=trace, n=4, data=made.outputs["data"])
    mark(
        trace=trace,
        texts=[
            f"job {dsl.PIPELINE_JOB_NAME_PLACEHOLDER}",
            f"resource {dsl.PIPELINE_JOB_RESOURCE_NAME_PLACEHOLDER}",
            f"id {dsl.PIPELINE_JOB_ID_PLACEHOLDER}",
            f"task {dsl.PIPELINE_TASK_NAME_PLACEHOLDER}",
            f"task id {dsl.PIPELINE_TASK_ID_PLACEHOLDER}",
            f"root {dsl.PIPELINE_ROOT_PLACEHOLDER}",
            f"created {dsl.PIPELINE_JOB_CREATE_TIME_UTC_PLACEHOLDER}",
            f"scheduled {dsl.PIPELINE_JOB_SCHEDULE_TIME_UTC_PLACEHOLDER}",
        ],
        executor_input=dsl.PIPELINE_TASK_EXECUTOR_INPUT_PLACEHOLDER,
        output_file=dsl.PIPELINE_TASK_EXECUTOR_OUTPUT_PATH_PLACEHOLDER,
    )


PATTERNS = [
    r"4",
    r"n=4",
    r"gs://.*/write_\d+/data",
    r"/.*/write_\d+/data",
    r"7",
    r"gs://.*/show_\d+/model",
    r"/.*/show_\d+/model",
    r"a-given-4",
    r"--given",
    r"given",
    r"--nothing",
    r"job [a-z0-9-]+",
    r"resource projects/\d+/locations/[a-z0-9-]+/pipelineJobs/[a-z0-9-]+",
    r"id \d+",
    r"task mark",
    r"task id \d+",
    r"root gs://[a-z0-9-]+/.*",
    r"created \d{4}-\d\d-\d\dT[0-9:.]+Z",
    r"scheduled \d{4}-\d\d-\d\dT[0-9:.]+Z",
    r"\['executor_input', 'output_file', 'texts', 'trace'\] executor_output.json",
]


def check(trace):
    import re

    assert len(trace) == len(PATTERNS), trace
    for pattern in PATTERNS:
        assert any(re.fullmatch(pattern, line) for line in trace), (pattern, trace)


RUNS = [{"lines": len(PATTERNS)}]
