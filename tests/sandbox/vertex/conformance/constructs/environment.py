"""set_env_variable reaches the container, beside what the platform sets."""

from kfp import dsl

CONSTRUCT = "`set_env_variable()`"
SANDBOX = "set in the container; part of the cache key"
LOCAL = "same"
VERTEX = "set in the container; part of the cache key"
SOURCE = "https://cloud.google.com/vertex-ai/docs/pipelines/configure-caching"


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def mark(trace: str):
    import os

    with open(trace, "a") as file:
        file.write(f"{os.environ['COLOUR']} {os.environ.get('EMPTY', 'unset')!r} {'PATH' in os.environ}\n")


@dsl.pipeline(name="environment")
def pipeline(trace: str):
    mark(trace=trace).set_env_variable("COLOUR", "light green").set_env_variable("EMPTY", "")


RUNS = [{"trace": ["light green '' True"]}]
