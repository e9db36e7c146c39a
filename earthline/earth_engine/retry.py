"""Calls to Earth Engine, tried again where that can help, and the errors that are left."""

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from google.api_core.retry import exponential_sleep_generator
from google.auth.exceptions import GoogleAuthError

from earthline.earth_engine.requests.doctor import Diagnosis, Verdict, diagnose, words
from earthline.earth_engine.requests.patience import Kind
from earthline.earth_engine.requests.transport import Try, trying

Answer = TypeVar("Answer")

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
"""Seconds between tries: the pauses grow from the first to the longest, each drawn at random below its bound."""
MOST_GIVEN_UP = 2
"""Stalls of one request, each waited for four times as long as the one before, until it counts as too heavy."""

_logger = logging.getLogger(__name__)


class PixelsError(RuntimeError):
    """Earth Engine did not answer; the text says why and what to do."""


class UnansweredError(PixelsError):
    """None of the tries was answered: Earth Engine is busy, or cannot be reached. Later the same may work."""


class TooHeavyError(PixelsError):
    """The request asks for too much at once: memory, time, or bytes. One for a part of it may work.

    Attributes:
        share: Part of the request, from 0 to 1, that would have been small enough; None where it is not known.
    """

    share: float | None = None


class BatchOnlyError(PixelsError):
    """No interactive request can do this; a batch task of Earth Engine may."""


class RefusedError(PixelsError):
    """The request is wrong, or not allowed: it was tried once, and will fail however often it is tried."""


_FINAL: dict[Verdict, type[PixelsError]] = {
    Verdict.SHRINK: TooHeavyError,
    Verdict.REROUTE: BatchOnlyError,
    Verdict.STOP: RefusedError,
}


def ask(call: Callable[[], Answer], attempts: int, place: str, kind: Kind | None = None) -> Answer:
    """Makes a call to Earth Engine, again where the error doctor says that it may pass; other errors are final.

    Pauses are made outside of the door, so that other requests use the quota meanwhile.

    Args:
        call: The call; made anew for each try.
        attempts: Most tries.
        place: What is asked for, for errors.
        kind: Calls of one kind take about the same time, so that one which takes far longer is given up and made
            anew; None where it must not be made twice.

    Raises:
        UnansweredError: None of the tries was answered.
        TooHeavyError: It asks for too much at once.
        BatchOnlyError: Only a batch task may do it.
        RefusedError: It is wrong, or not allowed.
        google.auth.exceptions.GoogleAuthError: No credentials, or ones that are refused.
    """
    pauses = exponential_sleep_generator(FIRST_PAUSE, LONGEST_PAUSE)
    given_up = 0
    for attempt in range(1, attempts + 1):
        try:
            with trying(Try(attempt, kind, given_up)):
                return call()
        except GoogleAuthError as error:
            if not error.retryable or attempt >= attempts:
                raise
            pause = next(pauses)
            _logger.warning("%s: credentials: %s; again in %.1f s", place, error, pause)
        except Exception as error:
            diagnosis = diagnose(error)
            if diagnosis is None:
                raise
            if diagnosis.verdict != Verdict.RETRY:
                raise _final(error, diagnosis, place) from error
            if attempt >= attempts:
                raise UnansweredError(
                    f"{place}: no answer from Earth Engine in {attempts} tries, the last time: {words(error)}"
                    f"{_behind(diagnosis.remedy)}"
                ) from error
            given_up += diagnosis.at_once
            if given_up >= MOST_GIVEN_UP:
                raise TooHeavyError(f"{place}: {words(error)}, {given_up} times; {diagnosis.remedy}") from error
            pause = 0.0 if diagnosis.at_once else next(pauses)
            level = logging.INFO if diagnosis.at_once else logging.WARNING
            _logger.log(
                level, "%s: try %d of %d failed (%s); again in %.1f s", place, attempt, attempts, words(error), pause
            )
        time.sleep(pause)
    raise ValueError(f"{place}: {attempts} tries; there must be at least one")


def _final(error: Exception, diagnosis: Diagnosis, place: str) -> PixelsError:
    made = _FINAL[diagnosis.verdict](f"{place}: Earth Engine refused: {words(error)}{_behind(diagnosis.remedy)}")
    if isinstance(made, TooHeavyError):
        made.share = diagnosis.share
    return made


def _behind(remedy: str) -> str:
    return f"; {remedy}" if remedy else ""
