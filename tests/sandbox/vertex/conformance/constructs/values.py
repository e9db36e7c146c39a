"""Every parameter type arrives as it was given."""

from typing import NamedTuple

from kfp import dsl

CONSTRUCT = "parameter types, defaults"
SANDBOX = "converted to the declared type, refused where they do not fit"
LOCAL = "same, but whole numbers inside lists and structs arrive as 1.0"
VERTEX = "STRING, NUMBER_INTEGER, NUMBER_DOUBLE, BOOLEAN, LIST, STRUCT"
SOURCE = "https://www.kubeflow.org/docs/components/pipelines/user-guides/data-handling/parameters/"


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def pass_on(n: int, ratio: float, text: str, flag: bool, items: list, table: dict) -> NamedTuple(
    "Same", [("n", int), ("ratio", float), ("text", str), ("flag", bool), ("items", list), ("table", dict)]
):
    return (n, ratio, text, flag, items, table)


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def mark(
    trace: str,
    n: int,
    ratio: float,
    text: str,
    flag: bool,
    items: list,
    table: dict,
    more: str = "default",
):
    with open(trace, "a") as file:
        file.write(f"{n!r} {ratio!r} {text!r} {flag!r} {items!r} {table!r} {more!r}\n")


@dsl.pipeline(name="values")
def pipeline(
    trace: str,
    n: int,
    ratio: float,
    text: str = "a 'b' \"c\" {d} \\ \u00e9\n",
    flag: bool = False,
    items: list = [1, 2.5, "x", [True, []]],  # noqa: B006  # kfp compiles it
    table: dict = {"k": {"l": [1.0]}},  # noqa: B006
):
    same = pass_on(n=n, ratio=ratio, text=text, flag=flag, items=items, table=table).outputs
    mark(
        trace=trace,
        n=same["n"],
        ratio=same["ratio"],
        text=same["text"],
        flag=same["flag"],
        items=same["items"],
        table=same["table"],
    )


GIVEN = r"""-3 2.0 'a \'b\' "c" {d} \\ é\n' False """
RUNS = [
    {
        "arguments": {"n": -3, "ratio": 2.0},
        "trace": [GIVEN + "[1, 2.5, 'x', [True, []]] {'k': {'l': [1]}} 'default'"],
    }
]
LOCAL_RUNS = [{"trace": [GIVEN + "[1.0, 2.5, 'x', [True, []]] {'k': {'l': [1.0]}} 'default'"]}]
