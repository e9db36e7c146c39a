from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pipelines.runs.steps import StepSpec, steps_in_order


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, list[str]]:
    """Tasks by name, each depending on some of those drawn before it."""
    names = draw(st.lists(st.from_regex(r"[a-z]{1,6}", fullmatch=True), min_size=1, max_size=8, unique=True))
    return {
        name: draw(st.lists(st.sampled_from(names[:index]), unique=True)) if index else []
        for index, name in enumerate(names)
    }


def spec_of(graph: dict[str, list[str]]) -> dict[str, Any]:
    tasks = {name: {"componentRef": {"name": "comp"}, "dependentTasks": needs} for name, needs in graph.items()}
    return {
        "root": {"dag": {"tasks": tasks}},
        "components": {"comp": {"executorLabel": "exec"}},
        "deploymentSpec": {"executors": {"exec": {"container": {"command": ["true"]}}}},
    }


@given(graphs(), st.randoms())
def test_every_step_follows_what_it_needs_whatever_the_order_in_the_file(
    graph: dict[str, list[str]], random: Any
) -> None:
    names = list(graph)
    random.shuffle(names)
    order = [step.task for step in steps_in_order(spec_of({name: graph[name] for name in names}))]
    assert sorted(order) == sorted(graph)
    for name, needs in graph.items():
        assert all(order.index(need) < order.index(name) for need in needs)
    assert order == [step.task for step in steps_in_order(spec_of(graph))]


def test_a_steps_name_is_that_of_its_folder() -> None:
    assert StepSpec("export-examples").name == "export_examples"
