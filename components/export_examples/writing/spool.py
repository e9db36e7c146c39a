"""The spool: examples that have arrived, kept in a folder that outlives the process, so that a run goes on.

Its folder is named after a fingerprint of everything that the examples' bytes depend on: a later run finds what an
earlier one has fetched only where it would have fetched the same. Chunks in it are written once, by any number of
workers; nothing is locked, and what two of them bring twice counts once.
"""

import contextlib
import hashlib
import json
import logging
import posixpath
import re
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from components.export_examples.writing import chunks
from components.export_examples.writing.chunks import PLACES, Chunk, ChunkError, LostPatch
from components.export_examples.writing.files import PART, Listed, listed, remove, write_whole
from components.export_examples.writing.records import Records
from earthline.formats.manifest import SPLITS
from earthline.storage.patterns import REMOTE

Array = np.ndarray[Any, Any]

ROOM = "export_spools"
"""Folder of all spools inside a folder for temporary files."""
OWNER = "earthline-spool.json"
"""File that tells a folder to be a spool, and of what."""
KEPT_SECONDS = 21 * 24 * 3600
"""A spool that nobody has written to for as long is of no use any more: three weeks."""

_FOLDER = re.compile(r"[0-9a-f]{32}")
_OURS = re.compile(rf"\d{{20}}-[0-9a-f]{{8}}{re.escape(chunks.SUFFIX)}({re.escape(PART)})?|{re.escape(OWNER)}")
_THREADS = 8
_logger = logging.getLogger(__name__)


class SpoolError(RuntimeError):
    """What has been fetched cannot be used; the text says why and what to do."""


class Spool:
    """What has been fetched."""

    def __init__(self, folder: str, project: str = "") -> None:
        """Names the spool; `open` finds or makes it.

        Args:
            folder: A path or a gs:// URI.
            project: Google Cloud project of requests to Cloud Storage.
        """
        self.folder, self._project = folder, project
        self._names: list[str] = []
        self._places = np.zeros(0, PLACES)
        self._chunk_of = np.zeros(0, np.int32)
        self._lost: dict[tuple[str, int, int], LostPatch] = {}

    @classmethod
    def open(cls, root: str, key: Mapping[str, Any], project: str = "") -> "Spool":
        """Finds or makes the spool of an export, and drops what is damaged in it.

        Args:
            root: Folder of all spools, a path or a gs:// URI.
            key: Everything that the bytes of an example depend on, as JSON holds it.
            project: Google Cloud project of requests to Cloud Storage.

        Raises:
            OSError: The folder cannot be read or written.
        """
        _clear_old(root)
        spool = cls(posixpath.join(root, fingerprint(key)), project)
        files = {file.name: file for file in listed(spool.folder)}
        told = json.dumps({"program": "earthline", "what": "patches of an export that goes on", "key": key}, indent=2)
        # Written anew each time, so that a spool in use is never an old one.
        write_whole(spool.folder, OWNER, [told.encode() + b"\n"])
        spool._read(files, whole=True)
        if spool.count or spool.lost_count:
            _logger.info(
                "export_examples: goes on where an earlier run ended: %d patches (%.1f MB) are here already",
                spool.count + spool.lost_count,
                spool.bytes / 1e6,
            )
        return spool

    def refresh(self) -> None:
        """Takes notice of chunks that were written since.

        Raises:
            OSError: The folder cannot be read.
        """
        self._read({file.name: file for file in listed(self.folder)}, whole=False)

    @property
    def count(self) -> int:
        """Number of examples."""
        return len(self._places)

    @property
    def lost_count(self) -> int:
        """Number of patches that have no example and never will."""
        return len(self._lost)

    @property
    def bytes(self) -> int:
        """Length of all examples."""
        return int(self._places["length"].sum(dtype=np.int64))

    def held(self, split: str) -> Array:
        """First pixels of the patches of a split that are here, int64 (patches, 2): rows and columns, in this order."""
        mine = self._places[self._places["split"] == SPLITS.index(split)]
        return np.stack([mine["row"], mine["column"]], axis=1).astype(np.int64)

    def lost(self, split: str) -> list[LostPatch]:
        """Patches of a split that have no example and never will, by row and column."""
        mine = [each for each in self._lost.values() if each.split == split]
        return sorted(mine, key=lambda each: (each.row, each.column))

    def find(self, split: str, corners: Array) -> "Records":
        """Where the examples of patches stand.

        Args:
            split: Their split.
            corners: Their first pixels, whole numbers (patches, 2): rows and columns.

        Raises:
            KeyError: One is not here.
        """
        mine = np.flatnonzero(self._places["split"] == SPLITS.index(split))
        # Both are in order of row and column, so that one key of both finds them.
        known = keys(self._places["row"][mine], self._places["column"][mine])
        wanted = keys(corners[:, 0], corners[:, 1])
        at = np.searchsorted(known, wanted)
        there = at < len(known)
        there[there] = known[at[there]] == wanted[there]
        if not there.all():
            row, column = corners[np.flatnonzero(~there)[0]]
            raise KeyError(f"no patch at row {row}, column {column} of {split}")
        found = mine[at]
        return Records(
            self.folder,
            tuple(self._names),
            self._chunk_of[found],
            self._places["offset"][found],
            self._places["length"][found],
        )

    def remove(self) -> None:
        """Removes the spool: the chunks that are known here, and its folder where nothing else is in it.

        Raises:
            OSError: A file cannot be removed.
        """
        remove(self.folder, [*self._names, OWNER])
        rest = listed(self.folder)
        remove(self.folder, [file.name for file in rest if file.name.endswith(PART) and _OURS.fullmatch(file.name)])
        _remove_empty(self.folder)

    def _read(self, files: Mapping[str, Listed], *, whole: bool) -> None:
        """Reads the chunks that are not known yet."""
        known, found = set(self._names), list[Chunk]()
        new = [file for name, file in sorted(files.items()) if _is_chunk(name) and name not in known]

        def one(file: Listed) -> Chunk | ChunkError | None:
            try:
                return chunks.read(self.folder, file.name, file.bytes, self._project, whole=whole)
            except ChunkError as error:
                return error
            except FileNotFoundError:
                # Another export of the same patches has ended meanwhile, and cleared it.
                return None

        with ThreadPoolExecutor(_THREADS, thread_name_prefix="spool") as pool:
            for file, chunk in zip(new, pool.map(one, new), strict=True):
                if isinstance(chunk, ChunkError):
                    _logger.warning("export_examples: %s; its patches are fetched again", chunk)
                    remove(self.folder, [file.name])
                elif chunk is not None:
                    found.append(chunk)
        if found:
            self._take(found)

    def _take(self, found: Sequence[Chunk]) -> None:
        first = len(self._names)
        self._names += [chunk.name for chunk in found]
        sizes = [len(chunk.places) for chunk in found]
        places = np.concatenate([self._places, *(chunk.places for chunk in found)])
        chunk_of = np.concatenate([self._chunk_of, np.repeat(np.arange(first, len(self._names)), sizes)])
        # Of a patch that came twice the first one counts; both are the same.
        order = np.lexsort((chunk_of, places["column"], places["row"], places["split"]))
        places, chunk_of = places[order], chunk_of[order].astype(np.int32)
        same = [places[name][1:] == places[name][:-1] for name in ("split", "row", "column")]
        once = np.ones(len(places), bool)
        once[1:] = ~np.logical_and.reduce(same)
        self._places, self._chunk_of = places[once], chunk_of[once]
        self._lost |= {(each.split, each.row, each.column): each for chunk in found for each in chunk.lost}


def fingerprint(key: Mapping[str, Any]) -> str:
    """Name of the folder of a spool: 32 hexadecimal digits."""
    canonical = json.dumps(key, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:32]


def _is_chunk(name: str) -> bool:
    return name.endswith(chunks.SUFFIX) and _OURS.fullmatch(name) is not None


def keys(rows: Array, columns: Array) -> Array:
    """One number for each place, in the order of row and column.

    Args:
        rows: Whole numbers (places,).
        columns: Likewise.
    """
    return (rows.astype(np.int64) << 32) + columns.astype(np.int64)


def _clear_old(root: str) -> None:
    """Removes spools that nobody has written to for weeks; nothing that is not a spool."""
    found: dict[str, list[Listed]] = {}
    for file in listed(root):
        name, _, inside = file.name.partition("/")
        if _FOLDER.fullmatch(name):
            found.setdefault(name, []).append(replace(file, name=inside))
    for name, files in found.items():
        age = time.time() - max(file.changed for file in files)
        if age < KEPT_SECONDS or not any(file.name == OWNER for file in files):
            continue
        ours = [file for file in files if _OURS.fullmatch(file.name)]
        _logger.info(
            "export_examples: removes %s (%.1f MB), which an export that never ended left %d days ago",
            posixpath.join(root, name),
            sum(file.bytes for file in ours) / 1e6,
            age // 86_400,
        )
        remove(posixpath.join(root, name), [file.name for file in ours])
        _remove_empty(posixpath.join(root, name))


def _remove_empty(folder: str) -> None:
    """Removes a folder of this machine that holds nothing; Cloud Storage has no folders."""
    if not folder.startswith(REMOTE):
        with contextlib.suppress(OSError):
            Path(folder).rmdir()
            Path(folder).parent.rmdir()
