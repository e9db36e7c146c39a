"""From an ONNX graph to a Keras model that computes the same, for any height and width."""

from dataclasses import dataclass
from typing import Any

from trainer.models.onnx import known, operators
from trainer.models.onnx.graph import Graph, Refused, Unsized
from trainer.models.onnx.values import TRIED, Known, Picture, Sizes, Value
from trainer.models.parts import reach
from trainer.models.parts.declared import STRIDES
from trainer.models.parts.reach import Reach


@dataclass(frozen=True)
class Translated:
    """What became of a graph.

    Attributes:
        model: Keras model from (patches, height, width, bands) to (patches, height, width, entries).
        stride: Pixels that height and width divide by.
        receptive_field: Side in pixels of the square around a pixel on which its output rests.
        placed: Nodes whose result depends on where a tile begins and ends, as `align_corners` does.
    """

    model: Any
    stride: int
    receptive_field: int
    placed: tuple[str, ...]


def translated(graph: Graph, stride: int) -> Translated:
    """Builds the Keras model.

    Args:
        graph: What to build.
        stride: Pixels that height and width divide by, as declared.

    Raises:
        Refused: An operator, or a way to use it, has no counterpart here. A larger stride is needed.
    """
    try:
        return _translated(graph, stride)
    except Unsized as error:
        found = least(graph, above=stride)
        raise Refused(
            f"it needs images whose height and width divide by {found.stride}, with {stride} its sizes do not fit "
            f"together: {error}; declare stride {found.stride} and receptive_field {found.receptive_field}"
        ) from error


def least(graph: Graph, above: int = 0) -> Translated:
    """Builds the Keras model with the least stride with which its sizes fit together.

    Args:
        graph: What to build.
        above: Which is larger than this.

    Raises:
        Refused: As `translated`; or no stride helps.
    """
    last: Unsized | None = None
    for stride in (each for each in STRIDES if each > above):
        try:
            return _translated(graph, stride)
        except Unsized as error:
            last = error
    raise Refused(
        f"{last or 'its sizes do not fit together'}; no stride up to {STRIDES[-1]} helps: export it for any height "
        "and width"
    ) from last


def _translated(graph: Graph, stride: int) -> Translated:
    import keras

    sizes: Sizes = tuple((height * stride, width * stride) for height, width in TRIED)
    axes = ("N", "H", "W", "C") if graph.channels_last else ("N", "C", "H", "W")
    image = Picture(keras.Input((None, None, graph.bands)), sizes, axes)
    values: dict[str, Value] = {name: Known.of(array) for name, array in graph.constants.items()}
    values[graph.image] = image
    placed: list[str] = []
    for node in graph.nodes:
        given = [values[name] if name else None for name in node.inputs]
        step = operators.Step(node, given, graph.patches)
        computed = all(each is None or isinstance(each, Known) for each in given) or node.operator in known.OF_SHAPES
        found = known.computed(step) if computed else operators.found(node)(step)
        if step.placed:
            placed.append(node.name)
        for name, value in zip(node.outputs, found if isinstance(found, list) else [found], strict=False):
            if name:
                values[name] = value
    return _whole(image, values[graph.output], stride, placed)


def _whole(image: Picture, output: Value, stride: int, placed: list[str]) -> Translated:
    import keras

    if not isinstance(output, Picture):
        raise Refused("its output does not depend on its input; export it anew")
    if output.axes not in (("N", "C", "H", "W"), ("N", "H", "W", "C"), ("N", "H", "W")):
        raise Refused(
            f"its output has the axes {', '.join(output.axes)}; it must be (patches, entries, height, width): values "
            "for each pixel, before they are flattened or chosen from"
        )
    if output.sizes != image.sizes:
        raise Unsized(
            f"an image of {_told(image.sizes[0])} px gives an output of {_told(output.sizes[0])} px, and a map needs "
            "one of the same height and width"
        )

    order = _order(output)

    def side(axis: int) -> int:
        return reach.side(stride, lambda seen: _seen(image, order, axis, seen))

    model = keras.Model(image.tensor, output.tensor, name="onnx")
    return Translated(model, stride, max(side(0), side(1)), tuple(placed))


def _order(output: Picture) -> list[Picture]:
    """All pictures that an output rests on, each before those that it rests on."""
    found: list[Picture] = []
    seen, open_ = {output}, [(output, iter(output.rests_on))]
    while open_:
        _picture, others = open_[-1]
        other = next((each[0] for each in others if each[0] not in seen), None)
        if other is None:
            found.append(open_.pop()[0])
        else:
            seen.add(other)
            open_.append((other, iter(other.rests_on)))
    return found[::-1]


def _seen(image: Picture, order: list[Picture], axis: int, place: Reach) -> Reach:
    """Places of the image along an axis on which a place of the first picture rests."""
    found = {order[0]: place}
    for picture in order:
        for other, *back in picture.rests_on:
            seen = back[axis](found[picture])
            before = found.get(other, seen)
            found[other] = Reach(min(before.first, seen.first), max(before.last, seen.last))
    return found.get(image, place)


def _told(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"
