"""What the endpoint answers for each pixel: the outputs that a config asks for, and what they weigh."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from earthline.config.sections.labels import Labels
from earthline.config.sections.outputs import Output, OutputType

DISSIMILARITY, APPLICABLE = "dissimilarity", "applicable"
APPLICABILITY = (DISSIMILARITY, APPLICABLE)
"""Further bands of a map that rest on `train.certainty.applicability`."""
_ITEM_BYTES: Mapping[str, int] = {"uint8": 1, "float32": 4}
_WHOLE: tuple[OutputType, ...] = ("uint8", "float32")
_FLOAT: tuple[OutputType, ...] = ("float32",)


class Answer(NamedTuple):
    """One tensor of an answer.

    Attributes:
        name: Of the output.
        type: Of its values.
        entries: Values of a pixel.
    """

    name: str
    type: OutputType
    entries: int

    @property
    def pixel_bytes(self) -> int:
        """Bytes of a pixel, before base64."""
        return self.entries * _ITEM_BYTES[self.type]


class Answers(NamedTuple):
    """What can be asked of a config's model, and what is.

    Attributes:
        labels: The config's section.
        further: Bounds that the model may give, by their names.
        applicability: Whether it tells where it can be believed.
        bands: `predict.bands`.
    """

    labels: Labels
    further: tuple[str, ...]
    applicability: bool
    bands: tuple[str, ...]

    @property
    def types(self) -> Mapping[str, tuple[OutputType, ...]]:
        """By output, the types that it may travel in; the one that it has by itself comes first."""
        found = {**self.labels.OUTPUTS, **dict.fromkeys(self.further, _FLOAT)}
        return found | ({DISSIMILARITY: _FLOAT, APPLICABLE: _WHOLE} if self.applicability else {})

    def settled(self, asked: str | Sequence[Output]) -> tuple[Output, ...] | None:
        """Each output with its type; None where the task's labels name none, so that all entries are served.

        Args:
            asked: `serving.outputs`.
        """
        types = self.types
        if not self.labels.OUTPUTS:
            return None
        if isinstance(asked, str):
            # What is wrong with `predict.bands` is said elsewhere.
            names = dict.fromkeys((self.labels.MAP_BAND, *(band for band in self.bands if band in types)))
            return tuple(Output(name=name, type=types[name][0]) for name in names)
        return tuple(
            output if output.type or output.name not in types else Output(name=output.name, type=types[output.name][0])
            for output in asked
        )

    def tensors(self, asked: str | Sequence[Output]) -> tuple[Answer, ...]:
        """The tensors of an answer.

        Args:
            asked: `serving.outputs`.
        """
        settled = self.settled(asked)
        if settled is None:
            # The most that any part of the model may give.
            count = len(self.labels.entries) + len(self.further) + int(self.applicability)
            return (Answer(self.labels.KIND, "float32", count),)
        count = len(self.labels.entries)
        return tuple(
            Answer(each.name, each.type or "float32", count if each.name == self.labels.ARRAY else 1)
            for each in settled
        )

    def told(self, asked: str | Sequence[Output]) -> str:
        """What an answer holds and weighs, in a line.

        Args:
            asked: `serving.outputs`.
        """
        tensors = self.tensors(asked)
        named = ", ".join(
            f"{each.name} ({each.entries} x {each.type})" if each.entries > 1 else f"{each.name} ({each.type})"
            for each in tensors
        )
        weight = sum(each.pixel_bytes for each in tensors)
        return f"{named}: {weight} byte{'s' if weight > 1 else ''} a pixel, before base64"

    def problems(self, asked: str | Sequence[Output], inputs: Sequence[str]) -> list[str]:
        """What is wrong with what is asked for; each line begins with its key.

        Args:
            asked: `serving.outputs`.
            inputs: Names of the imagery's bands.
        """
        found = self._mistaken(asked)
        if found or (not isinstance(asked, str) and not self.labels.OUTPUTS):
            return found
        # Earth Engine gives what is predicted as bands beside the image's own.
        return [
            f"data.imagery.bands: '{each.name}' is also the name of an output, so that Earth Engine would mix them up; "
            "rename the band in the asset, or by `data.imagery.function`"
            for each in self.tensors(asked)
            if each.name in inputs
        ]

    def _mistaken(self, asked: str | Sequence[Output]) -> list[str]:
        if isinstance(asked, str):
            return []
        if not self.labels.OUTPUTS:
            return [
                f"serving.outputs: a model of {self.labels.summary} serves all that it gives; write `outputs: auto`"
            ]
        types, found = self.types, []
        for output in asked:
            if output.name in APPLICABILITY and output.name not in types:
                found.append(f"serving.outputs: '{output.name}' needs `train.certainty: {{applicability: true}}`")
            elif output.name not in types:
                found.append(
                    f"serving.outputs: '{output.name}' is no output of a model of {self.labels.summary} with this "
                    f"train.model and train.loss; use {', '.join(types)}"
                )
            elif output.type is not None and output.type not in types[output.name]:
                found.append(
                    f"serving.outputs: '{output.name}' does not fit into {output.type}; leave out its type, which is "
                    f"{types[output.name][0]}"
                )
        names = [output.name for output in asked]
        if len(set(names)) < len(names):
            found.append(f"serving.outputs: {', '.join(names)}: a name stands twice; keep one")
        return found or self._missing(asked)

    def _missing(self, asked: Sequence[Output]) -> list[str]:
        """What the map needs and nobody asks for."""
        labels, names = self.labels, [output.name for output in asked]
        # Of a whole array of floats Earth Engine makes the rest itself.
        from_array = any(output.name == labels.ARRAY and output.type != "uint8" for output in asked)
        found = []
        if labels.MAP_BAND not in names and not from_array:
            made, add = f"`{labels.MAP_BAND}`", f"outputs: [{', '.join((labels.MAP_BAND, *names))}]"
            either = f" or of `{labels.ARRAY}` as float32" if labels.ARRAY else ""
            found.append(f"serving.outputs: the map is made of {made}{either}, which nobody asks for; write {add}")
        for band in self.bands:
            given = band in names or (band == APPLICABLE and DISSIMILARITY in names)
            if band not in self.types or given or (from_array and band in labels.CONFIDENCE):
                continue
            found.append(
                f"predict.bands: '{band}' needs an output that serving.outputs does not ask for; write `serving: "
                f"{{outputs: auto}}`, or add {band}: outputs: [{', '.join((*names, band))}]"
            )
        return found
