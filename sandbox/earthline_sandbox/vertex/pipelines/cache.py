"""The cache of executions. One is found by container, inputs and outputs asked for, while its outputs exist."""

import hashlib
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from earthline_sandbox.digests import file_digest
from earthline_sandbox.settings import Settings
from earthline_sandbox.vertex.containers import images, mount
from earthline_sandbox.vertex.pipelines.specification import Component, Container

Artifacts = Mapping[str, list[dict[str, Any]]]


def execution_key(
    settings: Settings,
    scope: str,
    component: Component,
    container: Container,
    parameters: Mapping[str, Any],
    artifacts: Artifacts,
    own_key: str,
) -> str:
    """The fingerprint of an execution.

    It counts what Vertex AI counts, with one difference: artifacts count by their content, not by their id, so that
    an edited object of the same name is another input
    (https://cloud.google.com/vertex-ai/docs/pipelines/configure-caching).

    Args:
        settings: The sandbox.
        scope: Project, location and name of the pipeline: executions are shared within one.
        component: Declares the outputs.
        container: Image (with what it stands for here), command, arguments and environment as compiled.
        parameters: Input parameters.
        artifacts: Input artifacts: type, uri, metadata and the content of their files count.
        own_key: Key of the user's own, which stands for the container and the inputs; empty is none.
    """
    outputs = [
        {name: definition.kind for name, definition in component.output_parameters.items()},
        {name: kind.schema_title for name, kind in component.output_artifacts.items()},
    ]
    material: dict[str, Any] = {"scope": scope, "outputs": outputs}
    if own_key:
        material["own"] = own_key
    else:
        material.update(
            image=[container.image, images.identity(settings, container.image)],
            command=container.command,
            args=container.args,
            env=container.env,
            parameters=parameters,
            artifacts={
                name: [[item["type"], item["uri"], item["metadata"], content(settings, item["uri"])] for item in items]
                for name, items in artifacts.items()
            },
        )
    return hashlib.blake2b(orjson.dumps(material, option=orjson.OPT_SORT_KEYS), digest_size=32).hexdigest()


def content(settings: Settings, uri: str) -> str:
    """A fingerprint of the objects below a uri: names and bytes; empty where there are none."""
    if not mount.is_object(uri):
        return ""
    path = mount.local_path(settings, uri)
    digest = hashlib.blake2b(digest_size=32)
    found = False
    for name, file in _files(path):
        digest.update(f"{name}\0{file_digest(file)}\0".encode())
        found = True
    return digest.hexdigest() if found else ""


def _files(path: Path) -> Iterator[tuple[str, Path]]:
    if path.is_file():
        yield "", path
        return
    for folder, folders, names in os.walk(path):
        folders.sort()
        for name in sorted(names):
            file = Path(folder, name)
            yield file.relative_to(path).as_posix(), file


class Cache:
    """Outputs of executions that succeeded, one file each."""

    def __init__(self, settings: Settings) -> None:
        """Opens the cache below the sandbox's home."""
        self._settings = settings
        self._root = settings.home.vertex / "cache"

    def find(self, key: str) -> dict[str, Any] | None:
        """The outputs of an earlier execution: `parameters` and `artifacts`; None unless all objects still exist."""
        try:
            entry: dict[str, Any] = orjson.loads((self._root / f"{key}.json").read_bytes())
        except (FileNotFoundError, orjson.JSONDecodeError):
            return None
        if not all(mount.local_path(self._settings, uri).exists() for uri in entry["objects"]):
            return None
        return entry

    def keep(self, key: str, parameters: Mapping[str, Any], artifacts: Artifacts) -> None:
        """Remembers the outputs of an execution, in one step that a crash cannot tear."""
        uris = [item["uri"] for items in artifacts.values() for item in items]
        objects = [uri for uri in uris if mount.is_object(uri) and mount.local_path(self._settings, uri).exists()]
        self._root.mkdir(parents=True, exist_ok=True)
        draft = self._root / f".{uuid.uuid4().hex}"
        draft.write_bytes(orjson.dumps({"parameters": parameters, "artifacts": artifacts, "objects": objects}))
        os.replace(draft, self._root / f"{key}.json")

    def clear(self) -> None:
        """Removes every execution."""
        shutil.rmtree(self._root, ignore_errors=True)
