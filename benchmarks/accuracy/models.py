"""The models of the benchmark and their settings, which are the same on every set."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from benchmarks.accuracy.results import PLAIN
from earthline.config import Train

FILE = Path(__file__).parent / "models.yaml"


def names() -> tuple[str, ...]:
    """Names of all models, cheap ones first."""
    return tuple(_content()["models"])


def suits(name: str, changes: Mapping[str, Any], of_set: str) -> bool:
    """Whether a model with a variant is for a set: both may name the sets that they are for. Baselines have no variant.

    Args:
        name: Of the model.
        changes: Of the variant.
        of_set: Name of the set.
    """
    entry = _content()["models"][name]
    if changes and "baseline" in entry:
        return False
    return all(of_set in each.get("sets", [of_set]) for each in (entry, changes))


def variants(path: Path | None) -> dict[str, dict[str, Any]]:
    """Changes of settings by the variant's name; `plain`, which changes nothing, comes first.

    Args:
        path: YAML of such changes, such as `{no_flips: {augment: false}}`; keys may have dots. `sets` names the sets
            that a variant is for.

    Raises:
        ValueError: Not a mapping of mappings, or a name that cannot be part of a file's name.
    """
    found: dict[str, dict[str, Any]] = {PLAIN: {}}
    if path is not None:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict) or not all(isinstance(each, dict) for each in content.values()):
            raise ValueError(
                f"--variants: {path} is no mapping from names to settings, as {{no_flips: {{augment: false}}}}"
            )
        wrong = [name for name in content if not re.fullmatch(r"[\w .-]+", str(name))]
        if wrong:
            raise ValueError(f"--variants: '{wrong[0]}' in {path}: names are of letters, digits, spaces and _ . -")
        found |= {str(name): dict(changes) for name, changes in content.items()}
    return found


def after_training(changes: Mapping[str, Any]) -> bool:
    """Whether a variant changes only what is done once a model has learned, so that it needs no training of its own.

    Args:
        changes: Of the variant.
    """
    return set(changes) - {"sets"} == {"prior"}


def baseline(name: str) -> str | None:
    """Which of `baselines.KINDS` a name of models.yaml stands for; None for a model of the product."""
    kind: str | None = _content()["models"][name].get("baseline")
    return kind


def section(name: str, changes: Mapping[str, Any], seed: int) -> Train:
    """The section `train` of a run.

    Args:
        name: Of the model.
        changes: Of the variant.
        seed: Of the training.

    Raises:
        ValueError: There is no such model, or a setting is none of the product.
    """
    content = _content()
    if name not in content["models"]:
        raise ValueError(f"--models: '{name}' is no model of {FILE.name}; known: {', '.join(content['models'])}")
    settings: dict[str, Any] = {**content["common"], **content["models"][name], "seed": seed}
    for key, value in changes.items():
        _put(settings, key.split("."), value)
    settings.pop("sets", None)
    return Train.model_validate(settings)


def _put(settings: dict[str, Any], keys: list[str], value: Any) -> None:
    *parents, last = keys
    for parent in parents:
        settings[parent] = dict(settings.get(parent, {}))
        settings = settings[parent]
    settings[last] = value


def _content() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return content
