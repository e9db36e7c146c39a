"""ParallelFor over constants, structs, a parameter and an output; nested; and Collected over all of them."""

from kfp import dsl

CONSTRUCT = "`dsl.ParallelFor` (static, dynamic, nested), `dsl.Collected` parameters"
SANDBOX = "every item; Collected keeps the order of the items, and is empty for no items"
LOCAL = "in a nested loop the inner item overwrites the outer one; Collected over no items is an error"
VERTEX = "as KFP describes it"
SOURCE = "https://www.kubeflow.org/docs/components/pipelines/user-guides/core-functions/control-flow/"


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def mark(trace: str, text: str) -> str:
    with open(trace, "a") as file:
        file.write(f"{text}\n")
    return text


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def pair(trace: str, first: str, second: str):
    with open(trace, "a") as file:
        file.write(f"{first}{second}\n")


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def count(n: int) -> list:
    return [str(number) for number in range(n)]


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def join(trace: str, name: str, texts: list):
    with open(trace, "a") as file:
        file.write(f"{name} {texts}\n")


@dsl.pipeline(name="loops")
def pipeline(trace: str, n: int, names: list):
    with dsl.ParallelFor(["x", "y"]) as item:
        static = mark(trace=trace, text=item)
    join(trace=trace, name="static", texts=dsl.Collected(static.output))
    with dsl.ParallelFor([{"a": "1", "b": "p"}, {"a": "2", "b": "q"}]) as item:
        pair(trace=trace, first=item.a, second=item.b)
    with dsl.ParallelFor(names) as item:
        given = mark(trace=trace, text=f"given {item}")
    join(trace=trace, name="given", texts=dsl.Collected(given.output))
    with dsl.ParallelFor(count(n=n).output) as outer:
        with dsl.ParallelFor(["i", "j"]) as inner:
            pair(trace=trace, first=outer, second=inner)


STATIC = ("x", "y", "static ['x', 'y']", "1p", "2q")
GIVEN = ("given s", "given t", "given ['given s', 'given t']")
RUNS = [
    {"arguments": {"n": 2, "names": ["s", "t"]}, "trace": [*STATIC, *GIVEN, "0i", "0j", "1i", "1j"]},
    {"arguments": {"n": 0, "names": []}, "trace": [*STATIC, "given []"]},
]
LOCAL_RUNS = [
    {"trace": [*STATIC, *GIVEN, "ii", "ii", "jj", "jj"]},
    {"among": STATIC, "state": "FAILED"},
]
