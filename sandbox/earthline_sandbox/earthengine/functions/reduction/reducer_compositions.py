"""Reducers made of reducers: side by side, repeated, by group, with other weights and names."""

from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.earthengine.reducers import compositions, reducers
from earthline_sandbox.earthengine.reducers.reducers import Reducer
from earthline_sandbox.earthengine.values.values import Image


@function("Reducer.combine")
def combine(reducer1: Reducer, reducer2: Reducer, output_prefix: str, shared_inputs: bool) -> Reducer:
    """Two reducers side by side."""
    return reducers.combined(reducer1, reducer2, output_prefix, shared=shared_inputs)


@function("Reducer.repeat")
def repeat(reducer: Reducer, count: int) -> Reducer:
    """Copies of a reducer, each with inputs of its own."""
    return reducers.repeated(reducer, count)


@function("Reducer.forEach")
def for_each(reducer: Reducer, output_names: list[str]) -> Reducer:
    """A copy of a reducer for every name."""
    return compositions.for_each(reducer, output_names)


@function("Reducer.forEachBand")
def for_each_band(reducer: Reducer, image: Image) -> Reducer:
    """A copy of a reducer for every band."""
    return compositions.for_each(reducer, image.names)


@function("Reducer.forEachElement")
def for_each_element(reducer: Reducer) -> Reducer:
    """A reducer at every position of arrays."""
    return compositions.for_each_element(reducer)


@function("Reducer.disaggregate")
def disaggregate(reducer: Reducer, axis: int | None) -> Reducer:
    """A reducer over the members of aggregates."""
    return compositions.disaggregated(reducer, axis)


@function("Reducer.splitWeights")
def split_weights(reducer: Reducer) -> Reducer:
    """A reducer that gets weights as inputs."""
    return compositions.split_weights(reducer)


@function("Reducer.group")
def group(reducer: Reducer, group_field: int, group_name: str) -> Reducer:
    """A reducer for every value of one input."""
    return reducers.grouped(reducer, group_field, group_name)


@function("Reducer.unweighted")
def unweighted(reducer: Reducer) -> Reducer:
    """Every weight above 0 as 1."""
    return reducers.unweighted(reducer)


@function("Reducer.setOutputs")
def set_outputs(reducer: Reducer, outputs: list[str]) -> Reducer:
    """Other output names."""
    return reducers.renamed(reducer, outputs)


@function("Reducer.getOutputs")
def get_outputs(reducer: Reducer) -> list[str]:
    """Output names."""
    return list(reducer.outputs)
