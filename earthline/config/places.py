"""The sections and fields of a config's content by their place."""

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from earthline.config.model import DEFAULT, Model, find
from earthline.config.sections.imagery import READY, Imagery, OneSource, Ready, SeveralSources
from earthline.config.sections.labels import Labels
from earthline.config.sections.labels import meant as meant_labels
from earthline.config.sections.region import Region
from earthline.config.sections.region import meant as meant_region
from earthline.config.sections.train.loss import Loss
from earthline.config.sections.train.loss import find as find_loss
from earthline.config.step import Steps, steps_section
from earthline.config.workflow import Config

Place = tuple[str | int, ...]
"""Keys, and positions in lists, from the config's top."""


class Sections:
    """The sections and fields of a config's content by their place."""

    def __init__(self, content: Any) -> None:
        """Takes what was validated: which keys there are depends on names and kinds in it."""
        self._content = content

    def known_keys(self, place: Place) -> list[str]:
        """Keys of a section.

        Args:
            place: Of the section.
        """
        model = self._model(place)
        return [field.alias or name for name, field in model.model_fields.items()] if model is not None else []

    def field(self, place: Place) -> FieldInfo | None:
        """The field of a key; None for an item of a list or mapping.

        Args:
            place: Of the key.
        """
        if not place or not isinstance(place[-1], str):
            return None
        model = self._model(place[:-1])
        return model.model_fields.get(place[-1]) if model is not None else None

    def home(self, place: Place) -> Place | None:
        """Where a key that is unknown at its place belongs: a section around it, or a main one; None where nowhere.

        Args:
            place: Of the key.
        """
        *around, key = place
        sections = [tuple(around[:depth]) for depth in range(len(around) - 1, 0, -1)]
        sections += [(), *((name,) for name in self.known_keys(()))]
        return next((section for section in sections if key in self.known_keys(section)), None)

    def _model(self, place: Place) -> type[BaseModel] | None:
        """The section at a place."""
        model: type[BaseModel] | None = Config
        content = self._content
        for part in place:
            content = content.get(part) if isinstance(content, Mapping) else None
            if isinstance(part, int):
                continue
            field = model.model_fields.get(part) if model is not None else None
            model = _model_in(field.annotation) if field is not None else None
            meant = _MEANT.get(model) if model is not None else None
            model = model if meant is None else meant(content)
        return model


def _architecture(content: Any) -> type[BaseModel]:
    """The section of the architecture that is named."""
    name = content.get("name", DEFAULT) if isinstance(content, Mapping) else DEFAULT
    try:
        return find(name) if isinstance(name, str) else Model
    except ValueError:
        return Model


def _loss(content: Any) -> type[BaseModel]:
    """The section of the loss that is named."""
    name = content.get("name") if isinstance(content, Mapping) else None
    try:
        return find_loss(name) if isinstance(name, str) else Loss
    except ValueError:
        return Loss


def _labels(content: Any) -> type[BaseModel]:
    """The section of the task and the source that the keys mean."""
    try:
        return meant_labels(content)
    except ValueError:
        return Labels


def _imagery(content: Any) -> type[BaseModel]:
    """The section of one source, or of several."""
    return SeveralSources if isinstance(content, Mapping) and "sources" in content else OneSource


def _ready(content: Any) -> type[BaseModel]:
    """The section of the ready source that is named."""
    name = content.get("name") if isinstance(content, Mapping) else None
    return READY.get(name, Ready) if isinstance(name, str) else Ready


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in getattr(annotation, "__args__", ()):
        found = _model_in(inner)
        if found is not None:
            return found
    return None


_MEANT: Mapping[type[BaseModel], Callable[[Any], type[BaseModel]]] = {
    Model: _architecture,
    Loss: _loss,
    Imagery: _imagery,
    Ready: _ready,
    Labels: _labels,
    Region: meant_region,
    Steps: lambda _: steps_section(),
}
"""Of sections whose keys depend on their content: what gives the section that is meant."""
