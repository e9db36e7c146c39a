"""Turns the trained model of a run into an Earth Engine expression, proves it, and writes it where it is used."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from earthline.config import Config
from earthline.earth_engine import connection, ee_assets, ee_model
from earthline.earth_engine.model_expressions.expression import (
    INSTEAD,
    MOST_BYTES,
    ExpressionError,
    ModelExpression,
    snippets,
)
from earthline.earth_engine.model_expressions.proof import Proof, prove
from earthline.formats.certainty import DISSIMILARITY
from earthline.formats.pixel_graph import PixelGraph
from earthline.formats.placed_patches import PATCHES, PatchesFileError, PlacedPatches
from earthline.grid import Grid
from earthline.task import task_of
from trainer import pixel_graph, saved_network
from trainer.description import DESCRIPTION, KERAS_MODEL, Description
from trainer.pixel_graph import NoPixelGraphError


@dataclass(frozen=True)
class Made:
    """An expression that was proved.

    Attributes:
        expression: The model's.
        text: The function, as `ee_map` is stored.
        model: The kind of model with its options.
        proof: What was compared.
    """

    expression: ModelExpression
    text: str
    model: str
    proof: Proof

    def write(self, file: Path | None, asset: str | None) -> dict[str, str]:
        """Writes the expression.

        Args:
            file: JSON file; None for none.
            asset: Id of an asset, likewise.

        Returns:
            The lines that apply it, by client.

        Raises:
            RegistrationError: The asset is something else.
            PixelsError: Earth Engine refuses the asset.
            OSError: The file cannot be written.
        """
        expression, task = self.expression, self.expression.task
        lines = snippets(expression.bands, task.map_variable, asset, None if file is None else str(file))
        described = {
            "model": self.model,
            "map": [task.map_band, *expression.shown],
            "proj": {"crs": expression.grid.crs, "transform": list(expression.grid.transform)},
            "proof": self.proof.told,
        }
        if asset is not None:
            properties = {
                "description": f"A model as an Earth Engine expression. {lines['python'].replace(chr(10), '  ')}",
                "bands": ",".join(expression.bands),
                "outputs": ",".join(described["map"]),
                **task.model_properties(),
                ee_model.ARGUMENTS_PROPERTY: json.dumps(described),
                ee_model.MAP_PROPERTY: self.text,
            }
            ee_model.store(asset, properties)
        if file is not None:
            content: dict[str, Any] = {
                "asset": asset,
                "bands": list(expression.bands),
                **described,
                **lines,
                ee_model.MAP_PROPERTY: self.text,
            }
            file.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        return lines


def make(
    config: Config, model: Path, prepared: Path, shown: Sequence[str], asset: str | None, tell: Callable[[str], None]
) -> Made:
    """Makes and proves the expression.

    Args:
        config: The workflow's config, as it was when the model was trained, as far as imagery and labels go.
        model: Folder that `train_model` wrote.
        prepared: Folder that `prepare_saved_model` wrote, for the patches.
        shown: Names of further bands of the map.
        asset: Id of the asset that is to get it; None for none.
        tell: Takes a line on what happens now.

    Raises:
        ExpressionError: The model is none that an expression can be made of, the proof fails, or the asset describes
            an endpoint.
        PixelsError: Earth Engine does not answer.
    """
    description, graph = _read(config, model)
    placed = _placed(prepared, description.bands)
    expression = ModelExpression(
        graph=graph,
        bands=description.bands,
        imagery=config.data.imagery,
        grid=Grid.from_json(placed.grid),
        task=task_of(config.data),
        further=tuple(each for each in description.further if each != DISSIMILARITY),
        certainty=description.certainty,
        shown=tuple(shown),
    )
    expression.require()
    connection.connect(config.environment.project)
    if asset is not None:
        _require_own(asset)
    text = expression.text()
    tell(f"{description.told}: an expression of {len(text):,} bytes; Earth Engine takes {MOST_BYTES:,} a request")
    if len(text) > MOST_BYTES:
        raise ExpressionError(
            f"the expression has {len(text):,} bytes, and a request to Earth Engine at most {MOST_BYTES:,}: train with "
            f"fewer units or a smaller context. {INSTEAD}"
        )
    if DISSIMILARITY in description.further:
        tell(f"note: an expression has no {DISSIMILARITY}, so that it tells no area of applicability")
    tell("Earth Engine computes the patches that the model was proved on")
    proof = prove(expression, text, config.data, placed)
    return Made(expression, text, description.told, proof)


def _placed(prepared: Path, bands: Sequence[str]) -> PlacedPatches:
    try:
        placed = PlacedPatches.read(prepared)
    except PatchesFileError as error:
        raise ExpressionError(f"the expression cannot be proved: {error}") from error
    if placed is None:
        raise ExpressionError(
            f"the expression cannot be proved: {prepared} holds no {PATCHES}, as nobody knows where the training "
            f"patches lie. Run the pipeline again with examples that it exports itself. {INSTEAD}"
        )
    if placed.bands != tuple(bands):
        raise ExpressionError(
            f"the patches of {prepared} have the bands {', '.join(placed.bands)}, the model {', '.join(bands)}: name "
            "what one run trained and prepared"
        )
    return placed


def _read(config: Config, model: Path) -> tuple[Description, PixelGraph]:
    for name in (DESCRIPTION, KERAS_MODEL):
        if not (model / name).is_file():
            raise ExpressionError(f"{model} holds no {name}: name a run, or the folder that the step train_model wrote")
    description, labels = Description.read(model), config.data.labels
    for key, asked, there in (
        ("data.imagery.bands", config.data.imagery.band_names, description.bands),
        (f"data.labels.{labels.KEY}", labels.entries, description.task.entries),
    ):
        if tuple(asked) != tuple(there):
            raise ExpressionError(
                f"{key}: the model has {', '.join(there)}, the config {', '.join(asked)}; give the config that it was "
                "trained with"
            )
    try:
        return description, pixel_graph.read(saved_network.read(model))
    except NoPixelGraphError as error:
        name = description.model.get("name", "model of an earlier version")
        raise ExpressionError(
            f"the model {name} becomes no expression: {error}. One is made of `linear` and `pixel_mlp`, which look at "
            f"a pixel and the windows around it. {INSTEAD}"
        ) from error


def _require_own(asset: str) -> None:
    """An endpoint's registration is left alone: its other properties would go on to tell of the endpoint."""
    found = ee_assets.info(asset) or {}
    if ee_model.EXPRESSION_PROPERTY in found.get("properties", {}):
        raise ExpressionError(f"{asset} describes a model with an endpoint; name another asset")
