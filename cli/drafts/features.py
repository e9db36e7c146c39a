"""Values of a field in a file of points and polygons."""

import re
from collections import Counter
from pathlib import Path

from cli.drafts.answers import DraftError

_WHOLE = re.compile(r"[-+]?(0|[1-9]\d*)(\.0+)?")
_NUMBER = re.compile(r"[-+]?\d+(\.\d*)?([eE][-+]?\d+)?")


def fields(path: Path) -> tuple[str, ...]:
    """Names of a file's fields.

    Args:
        path: A vector file, or a CSV file.

    Raises:
        DraftError: The file cannot be read, or has several layers.
    """
    # It loads slowly, and few drafts need it.
    import pyogrio
    from pyogrio.errors import DataLayerError, DataSourceError

    try:
        layers = pyogrio.list_layers(path)
        if len(layers) > 1:
            names = ", ".join(str(name) for name, _ in layers)
            raise DraftError(f"--labels-file: {path} has several layers ({names}); save the one with the labels alone")
        return tuple(str(name) for name in pyogrio.read_info(path)["fields"])
    except (DataLayerError, DataSourceError, UnicodeDecodeError) as error:
        raise DraftError(f"--labels-file: {path} cannot be read ({error})") from error


def values(path: Path, field: str) -> Counter[int | float | str]:
    """How often each value of a field is there; features without one do not count.

    Args:
        path: A vector file, or a CSV file.
        field: Name of the field.

    Raises:
        DraftError: The file cannot be read, or has no such field.
    """
    import pyogrio

    there = fields(path)
    if field not in there:
        raise DraftError(f"--field: {path} has no field '{field}'; there are: {', '.join(there) or 'none'}")
    _, _, _, columns = pyogrio.raw.read(path, columns=[field], read_geometry=False)
    held = [value for value in columns[0].tolist() if value is not None and value == value and str(value).strip()]
    if all(isinstance(value, str) and _WHOLE.fullmatch(value) for value in held):
        # All columns of a CSV file are text.
        held = [int(float(value)) for value in held]
    elif all(isinstance(value, str) and _NUMBER.fullmatch(value) for value in held):
        held = [float(value) for value in held]
    return Counter(held)
