"""Placeholders `{{$…}}` of compiled pipelines: checked when a job is accepted, replaced when a task runs."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from earthline_sandbox.vertex.pipelines.parameters import text_of

SCALARS: Final = frozenset(
    {
        "pipeline_encryption_key_name",
        "pipeline_google_cloud_location",
        "pipeline_google_cloud_project_id",
        "pipeline_job_create_time_utc",
        "pipeline_job_name",
        "pipeline_job_resource_name",
        "pipeline_job_schedule_time_utc",
        "pipeline_job_uuid",
        "pipeline_network",
        "pipeline_persistent_resource_id",
        "pipeline_root",
        "pipeline_service_account",
        "pipeline_task_name",
        "pipeline_task_uuid",
    }
)
"""Placeholders that stand for one text of the job or task."""

_PLACEHOLDER: Final = re.compile(r"\{\{\$(?:\.(?P<path>[^{}]*))?\}\}")
_QUOTED: Final = r"""\[(?:'{1,2}|"|\\")(?P<%s>[^'"\\\]]+)(?:'{1,2}|"|\\")\]"""
_FORMS: Final = (
    re.compile(r"json_escape\[(?P<level>[0-3])\]"),
    re.compile(r"(?P<side>inputs)\.(?P<kind>parameters)" + _QUOTED % "name"),
    re.compile(r"(?P<side>outputs)\.(?P<kind>parameters)" + _QUOTED % "name" + r"\.(?P<field>output_file)"),
    re.compile(
        r"(?P<side>inputs|outputs)\.(?P<kind>artifacts)"
        + _QUOTED % "name"
        + r"(?:\.(?P<field>uri|path|name|metadata)(?:"
        + _QUOTED % "key"
        + r")?)?"
    ),
    re.compile(r"(?P<whole>outputs\.output_file|outputMetadataUri)"),
    re.compile(r"(?P<scalar>[A-Za-z_]+)"),
)


class PlaceholderError(ValueError):
    """A placeholder that the sandbox does not know, or that has no value."""


@dataclass(frozen=True)
class Placeholder:
    """One parsed placeholder; the unused attributes are empty.

    Attributes:
        text: As written, braces included.
        scalar: Name of a text of the job or task.
        level: How often the whole executor input is escaped for JSON; -1 unless it is meant.
        side: `inputs` or `outputs`.
        kind: `parameters` or `artifacts`.
        name: Name of the parameter or artifact.
        field: `uri`, `path`, `name`, `metadata` or `output_file`.
        key: Key in an artifact's metadata.
    """

    text: str
    scalar: str = ""
    level: int = -1
    side: str = ""
    kind: str = ""
    name: str = ""
    field: str = ""
    key: str = ""


@dataclass(frozen=True)
class Scope:
    """What placeholders stand for in one task.

    Attributes:
        scalars: Texts by the names in `SCALARS`.
        executor_input: The task's `ExecutorInput` as JSON.
        local_path: Gives the path of an artifact's uri on this machine.
        empty: What an absent input parameter becomes, by its name; `null` where it is not listed.
    """

    scalars: Mapping[str, str]
    executor_input: Mapping[str, Any]
    local_path: Callable[[str], str]
    empty: Mapping[str, str]


def parse(match: re.Match[str]) -> Placeholder:
    """Reads one match of a placeholder.

    Raises:
        PlaceholderError: It is none that KFP or Vertex AI has.
    """
    text, path = match[0], match["path"]
    if path is None:
        return Placeholder(text, level=0)
    for form in _FORMS:
        found = form.fullmatch(path)
        if found is None:
            continue
        parts = {key: value or "" for key, value in found.groupdict().items()}
        if "level" in parts:
            return Placeholder(text, level=int(parts["level"]))
        if "whole" in parts:
            return Placeholder(text, side="outputs", field="output_file")
        if "scalar" not in parts or parts["scalar"] in SCALARS:
            return Placeholder(
                text,
                parts.get("scalar", ""),
                -1,
                parts.get("side", ""),
                parts.get("kind", ""),
                parts.get("name", ""),
                parts.get("field", ""),
                parts.get("key", ""),
            )
    raise PlaceholderError(f"the placeholder {text} is not one that the sandbox replaces")


def find(value: Any) -> Iterator[Placeholder]:
    """All placeholders inside a text, list or mapping.

    Raises:
        PlaceholderError: One of them is unknown.
    """
    match value:
        case str():
            for found in _PLACEHOLDER.finditer(value):
                yield parse(found)
        case dict():
            for key, item in value.items():
                yield from find(key)
                yield from find(item)
        case list() | tuple():
            for item in value:
                yield from find(item)


def check(value: Any) -> None:
    """Checks that every placeholder inside a text, list or mapping is known.

    Raises:
        PlaceholderError: One of them is not.
    """
    for _ in find(value):
        pass


def is_template(value: Any) -> bool:
    """True for a text that refers to what only a running task has: its whole executor input or its outputs."""
    return isinstance(value, str) and any(found.level >= 0 or found.side == "outputs" for found in find(value))


def fill(value: Any, scalars: Mapping[str, str], parameters: Mapping[str, Any]) -> Any:
    """Replaces what a constant may refer to: texts of the job and task, and input parameters beside it.

    All other placeholders stay as they are, for the container that gets the constant: a job specification
    passed as a parameter holds those of its own command line.

    Args:
        value: JSON value.
        scalars: Texts by the names in `SCALARS`.
        parameters: Input parameters of the same task.
    """

    def replace(match: re.Match[str]) -> str:
        placeholder = parse(match)
        if placeholder.scalar in scalars:
            return scalars[placeholder.scalar]
        if placeholder.side == "inputs" and placeholder.kind == "parameters" and placeholder.name in parameters:
            return text_of(parameters[placeholder.name])
        return match[0]

    match value:
        case str():
            return _PLACEHOLDER.sub(replace, value) if "{{$" in value else value
        case list():
            return [fill(item, scalars, parameters) for item in value]
        case dict():
            return {key: fill(item, scalars, parameters) for key, item in value.items()}
    return value


def command_line(words: Sequence[str], scope: Scope) -> list[str]:
    """Replaces the placeholders of a container's command and arguments.

    Structured arguments (`IfPresent`, `Concat`) become as many words as they stand for.

    Raises:
        PlaceholderError: One has no value in this task.
    """
    line: list[str] = []
    for word in words:
        if word.startswith(('{"IfPresent": ', '{"Concat": ')):
            line.extend(_structured(json.loads(word), scope))
        else:
            line.append(render(word, scope))
    return line


def render(text: str, scope: Scope) -> str:
    """Replaces all placeholders of a text.

    Raises:
        PlaceholderError: One has no value in this task.
    """
    if "{{$" not in text:
        return text

    def within(value: str) -> str:
        # A list or struct may itself hold placeholders of the command line: they are replaced within it, once.
        return _PLACEHOLDER.sub(lambda match: _lookup(parse(match), scope, str), value)

    return _PLACEHOLDER.sub(lambda match: _lookup(parse(match), scope, within), text)


def _structured(node: Any, scope: Scope) -> list[str]:
    match node:
        case str():
            return [render(node, scope)]
        case list():
            return [word for item in node for word in _structured(item, scope)]
        case {"Concat": parts}:
            return ["".join(word for part in parts for word in _structured(part, scope))]
        case {"IfPresent": {"InputName": name, **branches}}:
            inputs = scope.executor_input["inputs"]
            present = name in inputs["parameterValues"] or name in inputs["artifacts"]
            chosen = branches.get("Then") if present else branches.get("Else")
            return [] if chosen is None else _structured(chosen, scope)
    raise PlaceholderError(f"the structured argument {json.dumps(node)[:200]} is neither IfPresent nor Concat")


def _lookup(placeholder: Placeholder, scope: Scope, inside: Callable[[str], str]) -> str:
    if placeholder.scalar:
        return scope.scalars[placeholder.scalar]
    if placeholder.level >= 0:
        text = json.dumps(scope.executor_input)
        for _ in range(placeholder.level):
            text = json.dumps(text)[1:-1]
        return text
    side = scope.executor_input[placeholder.side]
    if not placeholder.kind:
        return str(side["outputFile"])
    if placeholder.kind == "parameters":
        if placeholder.side == "outputs":
            return str(_known(side["parameters"], placeholder)["outputFile"])
        if placeholder.name not in side["parameterValues"]:
            return scope.empty.get(placeholder.name, "null")
        value = side["parameterValues"][placeholder.name]
        return value if isinstance(value, str) else inside(text_of(value))
    artifacts = _known(side["artifacts"], placeholder)["artifacts"]
    if not placeholder.field:
        return json.dumps(artifacts)
    if not artifacts:
        raise PlaceholderError(f"{placeholder.text}: the list of artifacts is empty")
    artifact = artifacts[0]
    match placeholder.field:
        case "path":
            return scope.local_path(artifact["uri"])
        case "metadata" if placeholder.key:
            return text_of(artifact["metadata"].get(placeholder.key))
        case field:
            return text_of(artifact[field])


def _known(values: Mapping[str, Any], placeholder: Placeholder) -> Any:
    if placeholder.name not in values:
        raise PlaceholderError(f"{placeholder.text} has no value in this task")
    return values[placeholder.name]
