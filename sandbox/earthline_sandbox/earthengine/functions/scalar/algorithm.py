"""Expressions as functions, choices, and other functions that belong to no type."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from earthline_sandbox.earthengine.functions.image.image_bands import select
from earthline_sandbox.earthengine.functions.image.image_replace import choice
from earthline_sandbox.earthengine.functions.scalar.list_search import same
from earthline_sandbox.earthengine.language import expression as language
from earthline_sandbox.earthengine.language.coerce import image as to_image
from earthline_sandbox.earthengine.language.coerce import margin_of, type_name
from earthline_sandbox.earthengine.language.registry import Context, call, function, signatures
from earthline_sandbox.earthengine.values.values import Element, ErrorMargin, Image
from earthline_sandbox.errors import invalid

_CONSTANTS = {"PI": math.pi, "E": math.e}


class ImageExpression:
    """A parsed expression, callable with the images of its variables."""

    def __init__(
        self, context: Context, parsed: language.Expression, default: str, names: Sequence[str], free: bool
    ) -> None:
        """Takes the parsed text, the name of the default image, and all names in the order of the arguments."""
        self.names = names
        self._context = context
        self._parsed = parsed
        self._default = default
        self._free = free

    def __call__(self, *arguments: Any) -> Image:
        """The image that the expression gives for those images."""
        values = dict(zip(self.names, arguments, strict=False))

        def variable(name: str) -> Any:
            if name in values:
                return values[name]
            if self._free:
                return select(to_image(values[self._default]), [name], None)
            raise invalid(f"Image.parseExpression: Unknown variable '{name}'.")

        def bands(name: str | None, selectors: tuple[Any, ...]) -> Image:
            if name == "Math" and selectors[0] in _CONSTANTS and name not in values:
                return to_image(_CONSTANTS[selectors[0]])
            image = to_image(variable(self._default if name is None else name))
            return select(image, list(selectors), None) if selectors else image

        result = to_image(language.apply(self._parsed.term, variable, bands, self._apply))
        if self._parsed.name is None:
            return result
        if len(result.bands) != 1:
            raise invalid("Image.parseExpression: only a result of one band can be given a name.")
        return result.with_bands([result.bands[0].renamed(self._parsed.name)])

    def _apply(self, name: str, operands: list[Any]) -> Image:
        images = [to_image(operand) for operand in operands]
        if name == "choice":
            return choice(images[0], images[1], images[2])
        signature = signatures().get(f"Image.{name}")
        if signature is None:
            raise invalid(f"Image.parseExpression: Unknown function '{name}'.")
        declared = [parameter.name for parameter in signature.parameters]
        if len(images) > len(declared):
            if name in ("min", "max"):
                return self._apply(name, [self._apply(name, list(images[:-1])), images[-1]])
            raise invalid(f"Image.parseExpression: '{name}' takes {len(declared)} arguments, got {len(images)}.")
        arguments = {
            key: image if "Image" in parameter.type else operand
            for key, parameter, image, operand in zip(declared, signature.parameters, images, operands, strict=False)
        }
        result: Image = call(self._context, f"Image.{name}", arguments)
        return result


@function("Image.parseExpression")
def parse_expression(
    context: Context, expression: str, arg_name: str, vars: list[str], map_free_vars_to_default_image_bands: bool
) -> ImageExpression:
    """An algorithm of an arithmetic expression on images."""
    names = vars if arg_name in vars else [arg_name, *vars]
    parsed = language.parse(expression)
    return ImageExpression(context, parsed, arg_name, tuple(names), map_free_vars_to_default_image_bands)


@function("Number.expression")
def number_expression(context: Context, expression: str, vars: dict[str, Any] | None) -> Any:
    """The number that an expression gives; a point leads to what a dictionary or an element holds.

    https://developers.google.com/earth-engine/apidocs/ee-number-expression
    """
    values = vars or {}

    def variable(name: str) -> Any:
        if name not in values:
            raise invalid(f"Number.expression: Unknown variable '{name}'.")
        return values[name]

    def first_member(name: str | None, selectors: tuple[Any, ...]) -> Any:
        if name is None or len(selectors) != 1:
            raise invalid(
                "Number.expression: numbers have no bands; a point leads to what an object holds, as in 'a.b'."
            )
        if name == "Math" and selectors[0] in _CONSTANTS:
            return _CONSTANTS[selectors[0]]
        return member(variable(name), selectors[0])

    def member(held: Any, name: str) -> Any:
        if isinstance(held, Element):
            return held.get(name)
        if not isinstance(held, Mapping) or name not in held:
            raise invalid(f"Number.expression: there is no '{name}' in a value of type {type_name(held)}.")
        return held[name]

    def apply(name: str, operands: list[Any]) -> Any:
        if name == "choice":
            return operands[1] if operands[0] else operands[2]
        if f"Number.{name}" not in signatures():
            raise invalid(f"Number.expression: Unknown function '{name}'.")
        declared = [parameter.name for parameter in signatures()[f"Number.{name}"].parameters]
        return call(context, f"Number.{name}", dict(zip(declared, operands, strict=False)))

    return language.apply(language.parse(expression).term, variable, first_member, apply, member)


@function("If")
def choose(condition: Any, true_case: Any, false_case: Any) -> Any:
    """One of two values; within a graph only the chosen one is computed."""
    plain = condition is None or isinstance(condition, bool | int | float | str)
    return true_case if (bool(condition) if plain else True) else false_case


@function("IsEqual")
def is_equal(left: Any, right: Any) -> bool:
    """Whether two values are equal."""
    return same(left, right)


@function("ObjectType")
def object_type(value: Any) -> str:
    """The type of a value."""
    return type_name(value)


@function("ErrorMargin")
def error_margin(value: float | None, unit: str) -> ErrorMargin:
    """How far a geometry may be off."""
    if unit not in ("meters", "projected", "infinite"):
        raise invalid(f"ErrorMargin: Unknown unit '{unit}': must be 'meters', 'projected' or 'infinite'.")
    return margin_of(value, unit)
