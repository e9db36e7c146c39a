"""What is done of a map, kept beside its output so that a killed process goes on where it was.

The folder `OUTPUT.part` holds a file of plain numbers for each layer, row after row, and a journal. The journal's first
line says of what the map is; each further line is the number of a group of tiles whose pixels have reached the disk.
A line without its end was cut off, and counts as not written.
"""

import json
import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from filelock import FileLock, Timeout

Array = np.ndarray[Any, Any]

SETTLE_SECONDS = 2.0
"""Between two times that pixels are brought to the disk: what a killed process may lose."""
_JOURNAL, _LOCK = "journal", "lock"
_MOST_HEAD_BYTES = 1 << 20


class WorkError(RuntimeError):
    """Work that is another map's, or somebody else's; the text says what to do."""


class Work:
    """Layers under way."""

    def __init__(
        self, output: Path, identity: str, groups: int, shape: tuple[int, int], types: Mapping[str, str], *, anew: bool
    ) -> None:
        """Opens what is there, or begins.

        Args:
            output: File that the map becomes.
            identity: Of all that pixels depend on; equal where an earlier process worked on the same map.
            groups: Groups of tiles in all.
            shape: Of the map in pixels `(height, width)`.
            types: NumPy type of each layer, by name.
            anew: Whether other work of this name is thrown away.

        Raises:
            WorkError: It is another map's, or another process works on it.
        """
        self.folder = folder_of(output)
        self.shape = shape
        self._types = {name: np.dtype(kind) for name, kind in types.items()}
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(self.folder / _LOCK)
        try:
            self._lock.acquire(timeout=0)
        except Timeout as error:
            raise WorkError(f"another process writes {output}; wait for it, or name another --output") from error
        self._files: dict[str, int] = {}
        self._journal: int | None = None
        try:
            self._open(output, {"identity": identity, "groups": groups}, anew=anew)
        except BaseException:
            self.close()
            raise
        self._unsettled: list[int] = []
        self._settled = time.monotonic()

    def _open(self, output: Path, head: dict[str, Any], *, anew: bool) -> None:
        path = self.folder / _JOURNAL
        self.done = np.zeros(head["groups"], bool)
        found = _read(path)
        if found is not None and found[0] != head and not anew:
            raise WorkError(
                f"{self.folder} holds an unfinished map of other images, another model or other options; --force "
                "throws it away, or name another --output"
            )
        sizes = {name: self.shape[0] * self.shape[1] * kind.itemsize for name, kind in self._types.items()}
        if found is not None and (found[0] != head or any(_size(self._layer(each)) != sizes[each] for each in sizes)):
            found = None  # another map, or somebody took a layer away
        if found is None:
            path.unlink(missing_ok=True)
            for name in self._types:
                self._layer(name).unlink(missing_ok=True)
        else:
            numbers = [number for number in found[1] if 0 <= number < len(self.done)]
            self.done[numbers] = True
        for name, size in sizes.items():
            self._files[name] = os.open(self._layer(name), os.O_RDWR | os.O_CREAT, 0o644)
            os.ftruncate(self._files[name], size)
        self._journal = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        # A line that was cut off must not run into the next one.
        size = 0 if found is None else found[2]
        os.ftruncate(self._journal, size)
        os.lseek(self._journal, 0, os.SEEK_END)
        if not size:
            _write(self._journal, json.dumps(head).encode() + b"\n")

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Keeps what is done."""
        try:
            self.settle()
        finally:
            self.close()

    def close(self) -> None:
        """Closes the files; the folder stays."""
        for file in (*self._files.values(), *(() if self._journal is None else (self._journal,))):
            os.close(file)
        self._files, self._journal = {}, None
        self._lock.release()

    def write(self, number: int, row: int, column: int, layers: Mapping[str, Array]) -> None:
        """Writes a group of tiles.

        Args:
            number: Of the group.
            row: Of its first pixel; may lie outside, as may its end.
            column: Likewise.
            layers: (height, width) by layer.
        """
        height, width = self.shape
        for name, kind in self._types.items():
            values = layers[name]
            top, left = max(row, 0), max(column, 0)
            right = min(column + values.shape[1], width)
            for line in range(top, min(row + values.shape[0], height)):
                part = np.ascontiguousarray(values[line - row, left - column : right - column], kind)
                _write_at(self._files[name], part.tobytes(), (line * width + left) * kind.itemsize)
        self._unsettled.append(number)
        if time.monotonic() - self._settled > SETTLE_SECONDS:
            self.settle()

    def settle(self) -> None:
        """Brings what was written to the disk, and then says so in the journal."""
        if self._journal is not None and self._unsettled:
            for file in self._files.values():
                os.fsync(file)
            _write(self._journal, b"".join(b"%d\n" % number for number in self._unsettled))
            os.fsync(self._journal)
            self.done[self._unsettled] = True
            self._unsettled.clear()
        self._settled = time.monotonic()

    def read(self, name: str, row: int, column: int, shape: tuple[int, int]) -> Array:
        """A window of a layer, which lies inside.

        Args:
            name: Of the layer.
            row: Of its first pixel.
            column: Likewise.
            shape: In pixels `(height, width)`.
        """
        kind = self._types[name]
        found = np.empty(shape, kind)
        for line in range(shape[0]):
            place = ((row + line) * self.shape[1] + column) * kind.itemsize
            found[line] = np.frombuffer(os.pread(self._files[name], shape[1] * kind.itemsize, place), kind)
        return found

    def remove(self) -> None:
        """Throws the folder away, once the map is where it belongs."""
        self.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _layer(self, name: str) -> Path:
        return self.folder / f"{name}.raw"


def folder_of(output: Path) -> Path:
    """Where the work on a map is kept.

    Args:
        output: File that the map becomes.
    """
    return output.with_name(f"{output.name}.part")


def _read(path: Path) -> tuple[dict[str, Any], list[int], int] | None:
    """Head, numbers and bytes of a journal's whole lines; None where there is none."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    whole = content[: content.rfind(b"\n") + 1]
    head, _, rest = whole.partition(b"\n")
    try:
        found = json.loads(head[:_MOST_HEAD_BYTES])
        return (found, [int(line) for line in rest.split()], len(whole)) if isinstance(found, dict) else None
    except ValueError:
        return None


def _size(path: Path) -> int:
    """Bytes of a file; -1 where there is none."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return -1


def _write(file: int, content: bytes) -> None:
    while content:
        content = content[os.write(file, content) :]


def _write_at(file: int, content: bytes, place: int) -> None:
    while content:
        count = os.pwrite(file, content, place)
        content, place = content[count:], place + count
