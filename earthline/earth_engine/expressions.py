"""Images whose expressions are encoded once, and not with every request for their pixels."""

import threading
import weakref
from collections.abc import Callable, Mapping
from typing import Any

import ee
from ee.encodable import Encodable

_kept: dict[int, tuple[weakref.ref[Any], Encodable]] = {}
_lock = threading.Lock()


def encoded(image: Any) -> Any:
    """What stands for an image in a request: the same expression, prepared.

    The client encodes an image anew for each request, node by node: some milliseconds for a composite, half a second
    where an outline has 5,000 corners, and only one thread of a process does it at a time.

    Args:
        image: The `ee.Image`; must not change afterwards.
    """
    with _lock:
        known = _kept.get(id(image))
        if known is not None and known[0]() is image:
            return known[1]
    made = _Part.of(ee.serializer.encode(image))
    number = id(image)
    try:
        watched = weakref.ref(image, lambda _: _kept.pop(number, None))
    except TypeError:
        return made
    with _lock:
        _kept[number] = watched, made
    return made


class _Part(Encodable):  # type: ignore[misc]  # the client publishes no types
    """One value of an encoded expression. Each exists once and is kept: the client knows what it encoded by `id`."""

    def __init__(self, value: Mapping[str, Any], parts: Mapping[str, "_Part"]) -> None:
        self._value = value
        self._parts = parts

    @classmethod
    def of(cls, expression: Mapping[str, Any]) -> "_Part":
        """The result of an expression, `{"result", "values"}`."""
        parts: dict[str, _Part] = {}
        for name, value in expression["values"].items():
            parts[name] = cls(value, parts)
        return parts[expression["result"]]

    def encode_cloud_value(self, encoder: Callable[[Any], Any]) -> Any:
        """The value, with the names that this encoder gives to those that it refers to."""
        return self._renamed(self._value, encoder)

    def _renamed(self, value: Any, encoder: Callable[[Any], Any]) -> Any:
        # https://developers.google.com/earth-engine/reference/rest/v1/Expression#valuenode
        if "valueReference" in value:
            return {"valueReference": encoder(self._parts[value["valueReference"]])}
        if "arrayValue" in value:
            return {"arrayValue": {"values": [self._renamed(each, encoder) for each in value["arrayValue"]["values"]]}}
        if "dictionaryValue" in value:
            held = value["dictionaryValue"]["values"]
            return {"dictionaryValue": {"values": {key: self._renamed(each, encoder) for key, each in held.items()}}}
        if "functionDefinitionValue" in value:
            defined = value["functionDefinitionValue"]
            return {"functionDefinitionValue": {**defined, "body": encoder(self._parts[defined["body"]])}}
        if "functionInvocationValue" in value:
            called = dict(value["functionInvocationValue"])
            if "functionReference" in called:
                called["functionReference"] = encoder(self._parts[called["functionReference"]])
            arguments = called.get("arguments", {})
            called["arguments"] = {name: self._renamed(each, encoder) for name, each in arguments.items()}
            return {"functionInvocationValue": called}
        return value
