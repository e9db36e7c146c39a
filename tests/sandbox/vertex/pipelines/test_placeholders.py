import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earthline_sandbox.vertex.pipelines.placeholders import (
    SCALARS,
    PlaceholderError,
    Scope,
    check,
    command_line,
    fill,
    is_template,
    render,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def scope(parameters: dict[str, Any] | None = None, empty: dict[str, str] | None = None) -> Scope:
    artifact = {"name": "n", "uri": "gs://b/in", "metadata": {"k": "v", "n": 3}}
    executor_input = {
        "inputs": {"parameterValues": parameters or {}, "artifacts": {"data": {"artifacts": [artifact]}}},
        "outputs": {
            "parameters": {"Output": {"outputFile": "/mount/b/Output"}},
            "artifacts": {"model": {"artifacts": [{"name": "m", "uri": "gs://b/out", "metadata": {}}]}},
            "outputFile": "/mount/b/executor_output.json",
        },
    }
    scalars = dict.fromkeys(SCALARS, "") | {"pipeline_job_name": "job-1", "pipeline_task_name": "train"}
    return Scope(scalars, executor_input, lambda uri: uri.replace("gs://", "/mount/"), empty or {})


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("{{$.inputs.parameters['x']}}", "5"),
        ('{{$.inputs.parameters["x"]}}', "5"),
        ("a-{{$.inputs.parameters['s']}}-b", "a-text-b"),
        ("{{$.inputs.artifacts['data'].uri}}", "gs://b/in"),
        ("{{$.inputs.artifacts['data'].path}}", "/mount/b/in"),
        ("{{$.inputs.artifacts['data'].metadata['k']}}", "v"),
        ("{{$.inputs.artifacts['data'].metadata['n']}}", "3"),
        ("{{$.inputs.artifacts['data'].metadata}}", '{"k": "v", "n": 3}'),
        ("{{$.outputs.artifacts['model'].uri}}", "gs://b/out"),
        ("{{$.outputs.artifacts['model'].path}}", "/mount/b/out"),
        ("{{$.outputs.parameters['Output'].output_file}}", "/mount/b/Output"),
        ("{{$.outputs.output_file}}", "/mount/b/executor_output.json"),
        ("{{$.pipeline_job_name}}/{{$.pipeline_task_name}}", "job-1/train"),
        ("no placeholder {{ here }}", "no placeholder {{ here }}"),
    ],
)
def test_each_placeholder(text: str, wanted: str) -> None:
    assert render(text, scope({"x": 5, "s": "text"})) == wanted


def test_absent_parameters_are_empty_texts_or_null() -> None:
    assert render("{{$.inputs.parameters['s']}}|{{$.inputs.parameters['n']}}", scope({}, {"s": ""})) == "|null"


@given(value=JSON)
def test_the_whole_executor_input_survives_escaping(value: Any) -> None:
    here = scope({"x": value})
    assert json.loads(render("{{$}}", here)) == here.executor_input
    once = json.loads('"' + render("{{$.json_escape[1]}}", here) + '"')
    assert json.loads(once) == here.executor_input


@given(value=st.text())
def test_a_text_from_the_user_is_never_expanded(value: str) -> None:
    given = value + "{{$.pipeline_job_name}}{{$}}"
    assert render("<{{$.inputs.parameters['x']}}>", scope({"x": given})) == f"<{given}>"


def test_a_job_specification_holds_the_placeholders_of_its_own_command_line() -> None:
    pools = [{"container_spec": {"args": ["--executor_input", "{{$.json_escape[1]}}"]}}]
    here = scope({"pools": pools, "epochs": 3})
    payload = json.loads(render("{\"worker_pool_specs\": {{$.inputs.parameters['pools']}}}", here))
    inner = json.loads(payload["worker_pool_specs"][0]["container_spec"]["args"][1])
    assert inner == here.executor_input


def test_structured_arguments() -> None:
    present = json.dumps(
        {"IfPresent": {"InputName": "x", "Then": ["--x", "{{$.inputs.parameters['x']}}"], "Else": ["no"]}}
    )
    joined = json.dumps(
        {"Concat": ["x=", "{{$.inputs.parameters['x']}}", {"IfPresent": {"InputName": "y", "Then": "!"}}]}
    )
    assert command_line([present, joined], scope({"x": 1})) == ["--x", "1", "x=1"]
    assert command_line([present], scope({})) == ["no"]


def test_constants_refer_to_inputs_beside_them_and_keep_the_rest() -> None:
    value = {"a": ["{{$.inputs.parameters['n']}}", "{{$.json_escape[1]}}", 4]}
    filled = fill(value, {"pipeline_job_name": "job-1"}, {"n": 2})
    assert filled == {"a": ["2", "{{$.json_escape[1]}}", 4]}


def test_a_text_of_the_whole_executor_input_waits_for_the_task() -> None:
    assert is_template("{{$}}") and is_template("to {{$.outputs.output_file}}")
    assert not is_template("{{$.pipeline_job_name}} {{$.inputs.parameters['x']}}") and not is_template(["{{$}}"])


@pytest.mark.parametrize(
    "text", ["{{$.workspace_path}}", "{{$.inputs.parameters['x'].uri}}", "{{$.outputs.artifacts['x'].size}}", "{{$.}}"]
)
def test_unknown_placeholders_are_refused(text: str) -> None:
    with pytest.raises(PlaceholderError, match="not one that the sandbox replaces"):
        check({"args": [text]})
