"""The text of a draft: YAML with a short comment where something was chosen."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cli.drafts.classes import DraftClass

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./\-]*( [A-Za-z0-9_./\-]+)*")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_WORDS = {"true", "false", "yes", "no", "on", "off", "null", "y", "n"}
"""What YAML reads as something other than a text."""
_WIDTH = 110


@dataclass(frozen=True)
class Draft:
    """What the text says.

    Attributes:
        name: Of the workflow.
        environment: The section.
        imagery: The section.
        labels: The section, without what labels mean.
        classes: Of the map; empty where labels are a value.
        counted: What the classes' counts are of, such as `pixels`.
        place: `region`, `crs` and `scale`, as far as there are any.
        export: The section.
        model: `train.model`.
        serving: The section; empty where the defaults fit.
        value: The section `data.labels.value`; empty where labels are classes.
        remarks: Short comments by dotted key.
    """

    name: str
    environment: Mapping[str, Any]
    imagery: Mapping[str, Any]
    labels: Mapping[str, Any]
    classes: Sequence[DraftClass]
    counted: str
    place: Mapping[str, Any]
    export: Mapping[str, Any]
    model: Mapping[str, Any]
    serving: Mapping[str, Any] = field(default_factory=dict)
    value: Mapping[str, Any] = field(default_factory=dict)
    remarks: Mapping[str, str] = field(default_factory=dict)

    @property
    def meaning(self) -> dict[str, Any]:
        """What labels mean: their classes, or a value."""
        if self.value:
            return {"value": dict(self.value)}
        return {"classes": [each.section for each in self.classes]}

    def content(self) -> dict[str, Any]:
        """The same as parsed YAML."""
        content: dict[str, Any] = {
            "name": self.name,
            "environment": dict(self.environment),
            "data": {
                "imagery": dict(self.imagery),
                "labels": {**self.labels, **self.meaning},
                **self.place,
            },
        }
        if self.export:
            content["export"] = dict(self.export)
        content["train"] = {"model": dict(self.model)}
        if self.serving:
            content["serving"] = dict(self.serving)
        return content


def written(draft: Draft, path: str) -> str:
    """The text.

    Args:
        draft: What it says.
        path: Name of the file, for the commands in its head.
    """
    quoted = path if re.fullmatch(r"[\w./\-]+", path) else f"'{path}'"
    lines = [
        f"# {draft.name}: written by `earthline init`. Change what you like; `earthline check` says what is wrong.",
        "#",
        f"#   earthline check {quoted}     is everything there?",
        f"#   earthline preview {quoted}   imagery, labels and splits on one page",
        f"#   earthline run {quoted}       from here to the map",
        _line(draft, 0, "name", draft.name, "name"),
        "",
        *_section(draft, "environment", draft.environment),
        "",
        "data:",
        *_section(draft, "imagery", draft.imagery, 1, "data."),
        *_section(draft, "labels", draft.labels, 1, "data."),
        *(_section(draft, "value", draft.value, 2, "data.labels.") if draft.value else _classes(draft)),
    ]
    for key, value in draft.place.items():
        lines.append(_line(draft, 1, key, value, f"data.{key}"))
    if draft.export:
        lines += ["", *_section(draft, "export", draft.export)]
    lines += ["", "train:", *_model(draft)]
    if draft.serving:
        lines += ["", *_section(draft, "serving", draft.serving)]
    return "\n".join(lines) + "\n"


def _section(draft: Draft, key: str, section: Mapping[str, Any], depth: int = 0, place: str = "") -> Iterable[str]:
    yield _remarked(f"{'  ' * depth}{key}:", draft.remarks.get(f"{place}{key}", ""))
    for inner, value in section.items():
        yield _line(draft, depth + 1, inner, value, f"{place}{key}.{inner}")


def _classes(draft: Draft) -> Iterable[str]:
    yield _remarked("    classes:", draft.remarks.get("data.labels.classes", ""))
    for each in draft.classes:
        counted = draft.counted.removesuffix("s") if each.count == 1 else draft.counted
        yield _remarked(f"      - {_flow(each.section)}", "" if each.count is None else f"{each.count:,.0f} {counted}")


def _model(draft: Draft) -> Iterable[str]:
    candidates = draft.model.get("candidates", ())
    if not candidates:
        yield _line(draft, 1, "model", draft.model, "train.model")
        return
    yield _remarked("  model:", draft.remarks.get("train.model", ""))
    yield _line(draft, 2, "name", draft.model["name"], "")
    yield "    candidates:"
    for each in candidates:
        remark = draft.remarks.get("train.model.network", "") if each is candidates[-1] else ""
        yield _remarked(f"      - {_flow(each)}", remark)


def _line(draft: Draft, depth: int, key: str, value: Any, place: str) -> str:
    # A day needs no quotes where the config expects one; among label values it would not stay a text.
    is_day = key in ("start", "end") and _DAY.fullmatch(str(value)) is not None
    shown = value if is_day else _flow(value, "  " * (depth + 2))
    return _remarked(f"{'  ' * depth}{key}: {shown}", draft.remarks.get(place, ""))


def _remarked(line: str, remark: str) -> str:
    return f"{line}  # {remark}" if remark else line


def _flow(value: Any, indent: str = "") -> str:
    """A value as YAML in one line; a long list of texts in several."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_scalar(key)}: {_flow(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list | tuple):
        items = [_flow(inner) for inner in value]
        whole = "[" + ", ".join(items) + "]"
        if len(whole) <= _WIDTH or not indent:
            return whole
        rows, row = [], ""
        for item in items:
            if row and len(row) + len(item) > _WIDTH - len(indent):
                rows.append(row)
                row = ""
            row += f"{item}, "
        return "[\n" + "\n".join(f"{indent}{each.rstrip()}" for each in [*rows, row.rstrip(" ,")]) + "]"
    return _scalar(value)


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    text = str(value)
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return text
    quoted = {"\\": "\\\\", '"': '\\"'}
    return '"' + "".join(quoted.get(letter) or _letter(letter) for letter in text) + '"'


def _letter(letter: str) -> str:
    """A letter within double quotes; YAML has no place for what cannot be printed."""
    return letter if letter.isprintable() else f"\\U{ord(letter):08x}"
