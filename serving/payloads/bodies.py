"""Bodies of HTTP requests: SERIALIZED_TF_TENSORS, RAW_JSON and ND_ARRAYS, told apart by what they hold.

https://developers.google.com/earth-engine/guides/ee-vertex-payload-formats
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import orjson

from earthline.formats.served.contract import Contract
from serving.payloads import texts
from serving.payloads.answers import AnswerFormat, Numbers, TensorTexts
from serving.payloads.requests import Request, check_length
from serving.payloads.tiles import Array, RequestError, Tiles, check_names, from_text

_NO_NUMBER = re.compile(r"-?(?:NaN|Infinity)")
"""As Python and JavaScript write them, which no JSON is."""
_FORMATS = "SERIALIZED_TF_TENSORS, RAW_JSON or ND_ARRAYS"


def read(body: bytes, contract: Contract) -> Request:
    """Reads `{"instances": [instance, …]}`, in any of the formats.

    Args:
        body: JSON.
        contract: What the model takes.

    Raises:
        RequestError: Not JSON, no instances, an input missing or unknown, values that are none, a wrong shape, too
            long, or more tiles than the answer may hold.
    """
    check_length(body, contract)
    in_place = texts.instances(body)
    if in_place is not None:
        try:
            return _request(in_place, contract)
        except RequestError:
            pass  # perhaps for an escape, which only a parser reads; who refuses a request has to have read it right
    return _request(_instances(body), contract)


def _request(instances: Sequence[Any], contract: Contract) -> Request:
    read_tile, answers = _format(instances[0])
    tiles = Tiles(contract, answers, written_out=isinstance(answers, TensorTexts))
    for number, instance in enumerate(instances):
        place = f"instances[{number}]"
        tiles.add(read_tile(instance, place, contract), place)
    return Request(tiles.added(), contract, answers)


def _instances(body: bytes) -> Sequence[Any]:
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise RequestError(f"the body is not JSON: {error}{_word(error)}") from error
    if not isinstance(content, dict) or not isinstance(content.get("instances"), list):
        raise RequestError('the body must be {"instances": [{input: tensor, …}, …]}')
    if not content["instances"]:
        raise RequestError("`instances` is empty: send at least one tile")
    found: Sequence[Any] = content["instances"]
    return found


def _word(error: orjson.JSONDecodeError) -> str:
    """What to send instead where a body ends to be JSON with a number for which JSON has no word."""
    # The place is that of the number, or behind its sign.
    found = _NO_NUMBER.search(error.doc, max(0, error.pos - 1), error.pos + 9)
    return f'; JSON has no {found[0]}: send it as text, "{found[0]}"' if found else ""


_Reader = Callable[[Any, str, Contract], Iterator[tuple[str, Array]]]


def _format(first: Any) -> tuple[_Reader, AnswerFormat]:
    """How to read the instances and to answer them, by the first one."""
    if isinstance(first, list):
        return _nested, Numbers(named=False)
    if isinstance(first, Mapping) and any(isinstance(value, list) for value in first.values()):
        return _raw, Numbers(named=True)
    return _texts, TensorTexts()


def _named(instance: Any, place: str, contract: Contract) -> Sequence[str]:
    if not isinstance(instance, Mapping):
        raise RequestError(f"{place} is {type(instance).__name__} instead of an object of {', '.join(contract.inputs)}")
    return check_names(instance, place, contract)


def _texts(instance: Any, place: str, contract: Contract) -> Iterator[tuple[str, Array]]:
    for name in _named(instance, place, contract):
        text = instance[name]
        if not isinstance(text, (memoryview, str)):
            wrapped = isinstance(text, Mapping) and set(text) == {"b64"}
            raise RequestError(
                f'{place}.{name} is an object {{"b64": …}} instead of a text; send its text alone, as web-safe base64'
                if wrapped
                else f"{place}.{name} is {type(text).__name__} instead of a text; use payload format {_FORMATS}"
            )
        yield name, from_text(text, f"{place}.{name}", name, contract)


def _raw(instance: Any, place: str, contract: Contract) -> Iterator[tuple[str, Array]]:
    for name in _named(instance, place, contract):
        yield name, _numbers(instance[name], f"{place}.{name}", "[height][width][1]")


def _nested(instance: Any, place: str, contract: Contract) -> Iterator[tuple[str, Array]]:
    inputs = contract.inputs
    order = f"[{len(inputs)}][height][width][1], in the order {', '.join(inputs)}"
    values = _numbers(instance, place, order)
    if values.ndim == 3 and values.shape[2] == len(inputs):
        # An array image, (height, width, inputs).
        values = np.moveaxis(values, 2, 0)[..., np.newaxis]
    if values.ndim != 4 or len(values) != len(inputs):
        raise RequestError(f"{place}: lists of shape {list(values.shape)} instead of {order}")
    yield from zip(inputs, values, strict=True)


def _numbers(value: Any, place: str, wanted: str) -> Array:
    """Nested lists of numbers, or of numbers as text, as float32."""
    if not isinstance(value, list):
        raise RequestError(f"{place} is {type(value).__name__} instead of lists of numbers {wanted}")
    try:
        # What float32 cannot hold becomes infinite, as it would in any tensor.
        with np.errstate(over="ignore"):
            return np.array(value, np.float32)
    except (ValueError, TypeError, OverflowError) as error:
        raise RequestError(f"{place} is no lists of numbers {wanted}: {error}") from error
