"""Values of a field in a file of points and polygons."""

import re
from collections import Counter
from pathlib import Path
from typing import Any

from cli.drafts.answers import DraftError
from earthline.label_features import csv_files, files
from earthline.label_features.features import FeaturesError
from earthline.label_features.files import CSV_SUFFIXES

_WHOLE = re.compile(r"[-+]?(0|[1-9]\d*)(\.0+)?")
_NUMBER = re.compile(r"[-+]?\d+(\.\d*)?([eE][-+]?\d+)?")


def layers(path: Path) -> tuple[str, ...]:
    """Names of a file's layers with places; none of a CSV file.

    Args:
        path: A vector file, or a CSV file.

    Raises:
        DraftError: The file cannot be read.
    """
    if path.suffix.lower() in CSV_SUFFIXES:
        return ()
    # It loads slowly, and few drafts need it.
    import pyogrio
    from pyogrio.errors import DataSourceError

    try:
        # Beside its layers, QGIS keeps their styles as one that has no geometry.
        return tuple(str(name) for name, kind in pyogrio.list_layers(path) if kind is not None)
    except (DataSourceError, UnicodeDecodeError) as error:
        raise DraftError(f"--labels-file: {path} cannot be read ({error})") from error


def fields(path: Path, layer: str = "") -> tuple[str, ...]:
    """Names of a file's fields.

    Args:
        path: A vector file, or a CSV file.
        layer: One of its layers; empty where there is one alone.

    Raises:
        DraftError: The file cannot be read, has no such layer, or has several and none is named.
    """
    if path.suffix.lower() in CSV_SUFFIXES:
        return tuple(_columns(path))
    there = layers(path)
    if layer and layer not in there:
        raise DraftError(f"--layer: {path} has no layer '{layer}'; there are: {', '.join(there) or 'none'}")
    if len(there) > 1 and not layer:
        raise DraftError(
            f"--labels-file: {path} has several layers ({', '.join(there)}); name one by --layer. In a config others "
            "join it in the list `file` (docs/how-to/vector-labels.md)"
        )
    import pyogrio
    from pyogrio.errors import DataLayerError, DataSourceError

    try:
        return tuple(str(name) for name in pyogrio.read_info(path, layer=layer or (there or (None,))[0])["fields"])
    except (DataLayerError, DataSourceError, UnicodeDecodeError) as error:
        raise DraftError(f"--labels-file: {path} cannot be read ({error})") from error


def values(path: Path, field: str, layer: str = "") -> Counter[int | float | str]:
    """How often each value of a field is there; features without one do not count, nor do blanks around a text.

    Args:
        path: A vector file, or a CSV file.
        field: Name of the field.
        layer: One of the file's layers; empty where there is one alone.

    Raises:
        DraftError: The file cannot be read, or has no such field.
    """
    table = _columns(path) if path.suffix.lower() in CSV_SUFFIXES else None
    there = fields(path, layer) if table is None else tuple(table)
    if field not in there:
        raise DraftError(f"--field: {path} has no field '{field}'; there are: {', '.join(there) or 'none'}")
    if table is not None:
        column = table[field]
    else:
        import pyogrio

        _, _, _, columns = pyogrio.raw.read(path, layer=layer or layers(path)[0], columns=[field], read_geometry=False)
        column = columns[0].tolist()
    held = [
        " ".join(value.split()) if isinstance(value, str) else value for value in column if not files.is_empty(value)
    ]
    if all(isinstance(value, str) and _WHOLE.fullmatch(value) for value in held):
        # So do some programs keep numbers.
        held = [int(float(value)) for value in held]
    elif all(isinstance(value, str) and _NUMBER.fullmatch(value) for value in held):
        held = [float(value) for value in held]
    return Counter(held)


def _columns(path: Path) -> dict[str, list[Any]]:
    try:
        return csv_files.columns(path)
    except FeaturesError as error:
        raise DraftError(f"--labels-file: {error}") from error
