"""What is written of a prediction: the map and the bands that tell how far it can be believed.

They are made of all that a model gives, or of what an endpoint serves of it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from earthline.config.answers import APPLICABLE, DISSIMILARITY
from earthline.config.sections.outputs import Output
from earthline.formats.certainty import Certainty
from earthline.formats.served.contract import Contract
from earthline.formats.served.outputs import FULL, ServedOutput, derived_one
from earthline.reports.maps.confidence import NO_DATA
from earthline.task import Task
from earthline.task.serving import served

Array = np.ndarray[Any, Any]


class LayerError(ValueError):
    """A band that the model does not give, or that an endpoint does not serve; the text says what to do."""


class Layers:
    """The map, and further bands in the order in which they were asked for."""

    def __init__(self, contract: Contract, task: Task, bands: Sequence[str]) -> None:
        """Finds out what they are made of.

        Args:
            contract: Of the model.
            task: Of it.
            bands: Names as in `predict.bands`.

        Raises:
            LayerError: The model gives nothing of which a band is made, or one is named twice.
        """
        self._contract = contract
        self._task = task
        self.bands = tuple(bands)
        if len(set(bands)) < len(bands):
            raise LayerError(f"--bands {','.join(bands)}: a band stands twice; name each once")
        self._map = task.map_output
        self._further = {name: self._described(name) for name in bands}

    def _described(self, name: str) -> ServedOutput:
        # As floats: shares are rounded only where they travel.
        asked = [Output(name=name, type="float32")]
        known = self.known
        if name in known:
            try:
                return served(asked, self._task, self._contract.further, self._contract.certainty)[0]
            except ValueError as error:
                raise LayerError(f"--bands {name}: {str(error).partition(': ')[2] or error}") from error
        raise LayerError(
            f"--bands {name}: the model gives no such band; it gives {', '.join(known) or 'none beside the map'}"
        )

    @property
    def known(self) -> tuple[str, ...]:
        """Bands that the model can give beside the map."""
        names = (*self._task.confidence_bands, *self._contract.further)
        applicable = _applicable(self._contract.certainty, self._contract.further)
        return tuple(name for name in (*names, *applicable) if _is_given(name, self._task, self._contract.certainty))

    @property
    def types(self) -> dict[str, str]:
        """NumPy type of each layer by name; the map comes first."""
        return {self._task.map_band: self._task.data_type, **dict.fromkeys(self.bands, "float32")}

    @property
    def nothing(self) -> dict[str, int | float]:
        """What stands in each layer where there is no map."""
        return {self._task.map_band: self._task.no_data, **dict.fromkeys(self.bands, NO_DATA)}

    def of_entries(self, values: Array) -> dict[str, Array]:
        """The layers of all that a model gives.

        Args:
            values: float32 (tiles, height, width, entries).

        Returns:
            (tiles, height, width) by name.
        """
        made = self._task.decoded(values) if self._map is None else derived_one(values, self._map)[..., 0]
        return self._finished(made, {name: derived_one(values, output) for name, output in self._further.items()})

    def require_served(self) -> None:
        """Checks that an endpoint of this contract serves what the layers are made of.

        Raises:
            LayerError: It does not.
        """
        nothing = {output.name: np.zeros((1, 1, 1, output.values), output.type) for output in self._contract.outputs}
        self.of_outputs(nothing)

    def of_outputs(self, outputs: Mapping[str, Array]) -> dict[str, Array]:
        """The layers of what an endpoint serves.

        Args:
            outputs: By name, (tiles, height, width, values) of the output's type.

        Returns:
            (tiles, height, width) by name.

        Raises:
            LayerError: It does not serve what a layer is made of.
        """
        if self._map is None:
            whole = ServedOutput(name=self._task.map_band, entries=self._contract.entries, used=self._contract.entries)
            made = self._task.decoded(self._found(whole, outputs))
        else:
            made = self._found(self._map, outputs)[..., 0]
        return self._finished(made, {name: self._found(output, outputs) for name, output in self._further.items()})

    def _found(self, wanted: ServedOutput, outputs: Mapping[str, Array]) -> Array:
        """A layer as it is served, or made of floats that are."""
        for output in self._contract.outputs:
            if output.name == wanted.name and output.made == wanted.made:
                values = outputs[output.name]
                return values.astype(np.float32) / np.float32(FULL) if output.is_share else values
        for output in self._contract.outputs:
            is_whole = output.made == "entries" and output.type == "float32"
            if is_whole and output.first <= wanted.first and wanted.last <= output.last:
                moved = wanted.model_copy(update={"first": wanted.first - output.first})
                return derived_one(outputs[output.name], moved)
        serves = ", ".join(output.name for output in self._contract.outputs)
        raise LayerError(
            f"the endpoint serves {serves}, of which '{wanted.name}' cannot be made: add it to serving.outputs and run "
            "the pipeline again, or predict here by --model"
        )

    def _finished(self, made: Array, further: Mapping[str, Array]) -> dict[str, Array]:
        no_data = self._task.no_data
        mapped = np.isfinite(made) & (made != no_data)
        found = {self._task.map_band: np.where(mapped, made, no_data).astype(self._task.data_type)}
        for name, values in further.items():
            band = values[..., 0].astype(np.float32)
            found[name] = np.where(mapped & np.isfinite(band), band, np.float32(NO_DATA))
        return found


def _applicable(certainty: Certainty, further: Sequence[str]) -> tuple[str, ...]:
    return (APPLICABLE,) if DISSIMILARITY in further and certainty.dissimilarity_limit is not None else ()


def _is_given(name: str, task: Task, certainty: Certainty) -> bool:
    """False for a band that needs a limit which the model has not."""
    if name not in task.confidence_bands:
        return True
    try:
        task.confidence_output(name, certainty)
    except ValueError:
        return False
    return True
