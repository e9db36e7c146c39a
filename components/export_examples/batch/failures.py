"""What to do about an export task that failed: the error doctor's verdict, as it applies to tasks."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import ee

from earthline.earth_engine.requests import doctor


class Treatment(StrEnum):
    """What to do about a failed task."""

    AGAIN = "again"
    """The same once more."""
    SPARING = "sparing"
    """Once more with a larger `tileScale`, which needs less memory and more time."""
    HALVES = "halves"
    """Its patches as two tasks."""
    STOP = "stop"
    """Something has to be changed first."""


CANCELLED = 1
"""Of google.rpc.Code, as the two below."""
_PASSING = (10, 13, 14)
"""ABORTED, INTERNAL, UNAVAILABLE."""
_SLOW = 4
"""DEADLINE_EXCEEDED."""


def treatment(error: Mapping[str, Any]) -> Treatment:
    """What to do.

    Args:
        error: Of the operation: a google.rpc.Status.
    """
    code = int(error.get("code") or 0)
    found = _diagnosis(error).verdict
    if found is doctor.Verdict.SHRINK:
        return Treatment.SPARING if "memory" in _message(error).lower() else Treatment.HALVES
    if found is doctor.Verdict.RETRY or code in _PASSING:
        return Treatment.AGAIN
    return Treatment.HALVES if code == _SLOW else Treatment.STOP


def told(error: Mapping[str, Any]) -> str:
    """The message, and what its reader can do.

    Args:
        error: Of the operation: a google.rpc.Status.
    """
    remedy = _diagnosis(error).remedy
    return f"{_message(error).rstrip('.')}{'; ' if remedy else ''}{remedy}"


def _message(error: Mapping[str, Any]) -> str:
    return str(error.get("message") or f"error {error.get('code')}, without a word")


def _diagnosis(error: Mapping[str, Any]) -> doctor.Diagnosis:
    found = doctor.diagnose(ee.EEException(_message(error)))
    assert found is not None
    return found
