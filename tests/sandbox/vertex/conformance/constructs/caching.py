"""A finished task is not run again, unless caching is off for it or its inputs differ; an own key replaces them."""

from kfp import dsl

CONSTRUCT = "caching: on, off, own key"
SANDBOX = "by pipeline name, image, command, arguments, environment, outputs, parameters and the content of artifacts"
LOCAL = "only with `enable_caching=True`; an own key is shared by all pipelines; artifacts count by uri"
VERTEX = "by pipeline name, image, command, arguments, environment, outputs, parameters and artifact ids"
SOURCE = "https://cloud.google.com/vertex-ai/docs/pipelines/configure-caching"
CACHING = True


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def mark(trace: str, text: str) -> str:
    with open(trace, "a") as file:
        file.write(f"{text}\n")
    return text


@dsl.pipeline(name="caching")
def pipeline(trace: str, text: str):
    first = mark(trace=trace, text=text)
    mark(trace=trace, text=f"after {first.output}")
    mark(trace=trace, text="never kept").set_caching_options(False)
    mark(trace=trace, text=f"own key {text}").set_caching_options(True, cache_key="one")


RUNS = [
    {"arguments": {"text": "a"}, "trace": ["a", "after a", "never kept", "own key a"]},
    {
        "arguments": {"text": "a"},
        "trace": ["never kept"],
        "tasks": {"mark": "SKIPPED", "mark-2": "SKIPPED", "mark-3": "SUCCEEDED", "mark-4": "SKIPPED"},
    },
    {"arguments": {"text": "b"}, "trace": ["b", "after b", "never kept"], "tasks": {"mark-4": "SKIPPED"}},
]
