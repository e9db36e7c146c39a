"""A user's own Python that makes an `ee.Image`: it runs when a config is read, and what stays is the expression.

`FILE.py:NAME` runs in a process of its own that reaches no network, twice. Its graph, as the Earth Engine client
serializes it, travels to every step in place of the code, and changes the steps' cache keys when it changes.
"""

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationInfo

from earthline.config.section import Section

_LONGEST_RUN_S = 60
_LARGEST_GRAPH = 900_000
"""Bytes; a section travels as one parameter of a pipeline."""
_LOADS = {"Image.load": "images", "ImageCollection.load": "collections"}


class Function(Section):
    """An `ee.Image` that a Python function made."""

    name: str = Field(pattern=r"^.+\.py:[A-Za-z_]\w*$", description="File and function, such as my_imagery.py:build.")
    graph: str = Field(min_length=2, description="The expression that it made, as Earth Engine's client writes it.")

    @property
    def images(self) -> tuple[str, ...]:
        """Ids of the images that the expression loads."""
        return tuple(asset for kind, asset in self._loaded() if kind == "images")

    @property
    def collections(self) -> tuple[str, ...]:
        """Ids of the collections that the expression loads."""
        return tuple(asset for kind, asset in self._loaded() if kind == "collections")

    def _loaded(self) -> Iterator[tuple[str, str]]:
        values = json.loads(self.graph).get("values", {})
        seen = set()
        for called in _calls(values):
            kind = _LOADS.get(called.get("functionName", ""))
            given = called.get("arguments", {}).get("id", {})
            asset = values.get(given["valueReference"], {}) if "valueReference" in given else given
            if kind and isinstance(asset.get("constantValue"), str) and asset["constantValue"] not in seen:
                seen.add(asset["constantValue"])
                yield kind, asset["constantValue"]


def _calls(value: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, Mapping):
        if isinstance(value.get("functionInvocationValue"), Mapping):
            yield value["functionInvocationValue"]
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from _calls(inner)


def _read(value: Any, info: ValidationInfo) -> Any:
    if not isinstance(value, str):
        return value
    file, colon, name = value.rpartition(":")
    if not colon or not file.endswith(".py") or not name.isidentifier():
        raise ValueError(f"'{value[:60]}' names no function; write FILE.py:NAME, such as my_imagery.py:build")
    path = Path((info.context or {}).get("folder", ".")) / file
    if not path.is_file():
        raise ValueError(f"{path} is not there; a file's name is taken relative to the config's folder")
    try:
        done = subprocess.run(
            [sys.executable, "-m", __name__, str(path), name],
            capture_output=True,
            text=True,
            timeout=_LONGEST_RUN_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ValueError(f"{value} took more than {_LONGEST_RUN_S} s; it only has to build an expression") from error
    try:
        answer = json.loads(done.stdout)
    except ValueError as error:
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise ValueError(f"{value} cannot be run: {last}") from error
    if "problem" in answer:
        raise ValueError(f"{value} {answer['problem']}")
    return {"name": value, "graph": answer["graph"]}


AnyFunction = Annotated[Function, BeforeValidator(_read, json_schema_input_type=str | Function)]
"""A function's file and name, or what came of it."""


class _NetworkError(RuntimeError):
    """The function asks Earth Engine, or another server."""


class _UnusableError(RuntimeError):
    """The function is not there, or gives nothing that can be used; the text goes on after its name."""


def _refuse(*arguments: Any, **options: Any) -> Any:
    raise _NetworkError


def _built(path: str, name: str) -> str:
    """The graph that a function makes; runs in a process of its own."""
    import importlib.util
    import socket

    import ee
    from ee import apitestcase

    # The client's own way to know every function without a server: signatures that come with it.
    apitestcase.ApiTestCase().InitializeApi()
    for asked in ("computeValue", "computePixels", "computeFeatures", "getAsset", "getInfo", "listAssets", "getMapId"):
        setattr(ee.data, asked, _refuse)
    for asked in ("getDownloadId", "getThumbId", "getTableDownloadId", "getList", "listImages", "listFeatures"):
        setattr(ee.data, asked, _refuse)
    socket.socket.connect = _refuse  # type: ignore[method-assign]  # whatever client it brings, nothing connects
    socket.create_connection = _refuse
    # Notebooks begin with these; there is nobody to log in to.
    ee.Initialize = ee.Authenticate = lambda *arguments, **options: None
    sys.path.insert(0, str(Path(path).resolve().parent))
    spec = importlib.util.spec_from_file_location("earthline_user_imagery", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    build = getattr(module, name, None)
    if not callable(build):
        raise _UnusableError(f"is not there: {Path(path).name} has no function {name}")
    graphs = []
    for _ in range(2):
        image = build()
        if not isinstance(image, ee.Image):
            raise _UnusableError(f"gives {type(image).__name__} instead of an ee.Image")
        graphs.append(image.serialize())
    if graphs[0] != graphs[1]:
        raise _UnusableError("makes another expression each time it is called; leave chance and the clock out of it")
    if len(graphs[0]) > _LARGEST_GRAPH:
        raise _UnusableError(
            f"makes an expression of {len(graphs[0]):,} bytes, over {_LARGEST_GRAPH:,}; use fewer nodes"
        )
    return str(graphs[0])


def main() -> None:
    """Prints the graph of a function, or what is wrong with it, as JSON."""
    path, name = sys.argv[1:]
    answer = {}
    with contextlib.redirect_stdout(sys.stderr):
        try:
            answer["graph"] = _built(path, name)
        except _NetworkError:
            answer["problem"] = (
                "asks a server (getInfo or the like); it may only build an expression: compute with ee objects alone"
            )
        except _UnusableError as error:
            answer["problem"] = str(error)
        except Exception as error:
            answer["problem"] = f"fails: {type(error).__name__}: {' '.join(str(error).split())[:300]}"
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
