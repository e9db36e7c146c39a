"""The error doctor: what an error of Earth Engine means, and what can be done about it.

The table is read from top to bottom, the first row that fits decides. A fully masked window is no error anywhere: it
arrives as zeros, and whoever asked looks at its mask.
"""

import json
import re
from dataclasses import dataclass
from enum import StrEnum

import ee
from googleapiclient.errors import HttpError

from earthline.earth_engine.requests.answers import MalformedError
from earthline.earth_engine.requests.transport import StalledError


class Verdict(StrEnum):
    """What becomes of a request that failed."""

    RETRY = "retry"
    """The same request may be answered a little later."""
    SHRINK = "shrink"
    """The same request will fail again; one for a part of it may not."""
    REROUTE = "reroute"
    """No interactive request can do this; a batch task can."""
    STOP = "stop"
    """It will fail however often it is tried: something has to be changed first."""


@dataclass(frozen=True)
class Diagnosis:
    """What is known of an error.

    Attributes:
        verdict: What becomes of the request.
        remedy: What a person can do, in a few words; empty where nothing is known.
        at_once: Whether a second try need not pause: nothing says that Earth Engine is busy.
        share: Part of the request, from 0 to 1, that would have been small enough; None where the error does not say.
    """

    verdict: Verdict
    remedy: str = ""
    at_once: bool = False
    share: float | None = None


@dataclass(frozen=True)
class Row:
    """One kind of error.

    Attributes:
        verdict: What becomes of the request.
        remedy: What a person can do.
        source: Where the message or the status is described, or was seen.
        words: Pattern in the message; empty fits every message.
        statuses: HTTP statuses that it comes with; empty fits all, and errors without one.
    """

    verdict: Verdict
    remedy: str
    source: str
    words: str = ""
    statuses: tuple[int, ...] = ()

    def fits(self, status: int | None, message: str) -> bool:
        """Whether an error is of this kind."""
        if self.statuses and status not in self.statuses:
            return False
        return re.search(self.words, message, re.IGNORECASE) is not None


_GUIDE = "https://developers.google.com/earth-engine/guides"
_GITHUB = "https://github.com"
_SERVER = tuple(range(500, 600))
_LATER = "run it again later, or lower the concurrency where the quota is shared"
_SMALLER = "use a smaller patch or tile, or a shorter date range of the composite"
_FEWER = "use a smaller patch or tile, or fewer bands"
_ACCESS = "give the account that runs the step access to the asset and the Earth Engine role on the project"

ROWS: tuple[Row, ...] = (
    # Quotas of a day or a month come with the status of a busy moment, and no try of the next minutes helps.
    Row(
        Verdict.STOP,
        "the project's quota is used up: wait for its next period, ask for more, or use another project",
        f"{_GUIDE}/usage (EECU-time per day or month), ee/data.py (parallelism_restricted)",
        r"quota.*\bper (day|month)\b|eecu[- ]?(time|seconds|hours).*(quota|limit)|compute quota of its",
        (400, 403, 429),
    ),
    Row(Verdict.RETRY, _LATER, f"{_GUIDE}/usage: Concurrent interactive requests", statuses=(429,)),
    Row(
        Verdict.RETRY,
        "run it again later",
        f"{_GUIDE}/debugging: Internal server error; googleapiclient/http.py tries every 5xx again",
        statuses=(408, *_SERVER),
    ),
    Row(
        Verdict.RETRY,
        _LATER,
        "https://developers.google.com/earth-engine/reference/Quota; googleapiclient/http.py",
        r"(user)?rateLimitExceeded|RESOURCE_EXHAUSTED",
        (403,),
    ),
    Row(
        Verdict.RETRY,
        _LATER,
        f"{_GUIDE}/debugging: Too many concurrent aggregations; "
        f"{_GITHUB}/gee-community/qgis-earthengine-plugin/issues/202",
        r"too many (requests|concurrent)|quota exceeded for quota metric .* per minute",
    ),
    # Earth Engine hands an endpoint's errors on as HTTP 400: measured for Google's own AI Platform connector and the
    # sandbox; the wording for Vertex AI is published nowhere, so any word of a busy endpoint counts.
    Row(
        Verdict.RETRY,
        "the prediction endpoint is too slow or too busy: give it more replicas (serving.max_replicas) or a smaller "
        "serving.tile_shape",
        f"{_GITHUB}/googleapis/python-aiplatform/issues/1158 (60 s); {_GUIDE}/ee-vertex-overview",
        r"(?=.*(endpoint|predict|vertex))(?=.*(\b(429|502|503|504)\b|resource_?exhausted|too many requests|unavailable"
        r"|overloaded|deadline.?exceeded|timed? ?-?out|readtimeout|connecttimeout|connection (reset|refused|closed)))",
    ),
    Row(
        Verdict.RETRY,
        "run it again later",
        f"{_GUIDE}/debugging: Internal server error; {_GITHUB}/openearth/hydro-engine/issues/35",
        r"internal (server )?error|earth engine (memory )?capacity exceeded|service is currently unavailable",
    ),
    Row(
        Verdict.STOP,
        "use a smaller serving.tile_shape, or, where it is auto, serving.input_types: float32, for smaller tiles",
        f"{_GUIDE}/ee-vertex-image-predictions: maxPayloadBytes",
        r"(?=.*(endpoint|predict|vertex|maxPayloadBytes))(?=.*payload)",
    ),
    Row(
        Verdict.STOP,
        "what the config holds makes every request too large: take an outline with fewer corners (`simplify`), or "
        "points and polygons as a table of Earth Engine",
        f"{_GITHUB}/gee-community/geemap/issues/1092, {_GITHUB}/r-spatial/rgee/issues/220",
        r"request payload size exceeds",
    ),
    Row(
        Verdict.SHRINK,
        _SMALLER,
        f"{_GUIDE}/debugging: User memory limit exceeded; {_GITHUB}/gbelouze/geefetch/issues/83",
        r"user memory (limit )?exceeded|memory limit|out of memory|object too large",
    ),
    Row(
        Verdict.SHRINK,
        _SMALLER,
        f"{_GUIDE}/debugging: Computation timed out; {_GITHUB}/gee-community/geemap/issues/1790",
        r"computation timed out|deadline exceeded",
    ),
    Row(
        Verdict.SHRINK,
        _FEWER,
        f"{_GITHUB}/google/Xee/issues/50, {_GITHUB}/aazuspan/wxee/issues/49",
        r"total request size|response size exceeds",
    ),
    Row(
        Verdict.SHRINK,
        "use a smaller patch or tile",
        f"{_GITHUB}/google/Xee/issues/85",
        r"pixel grid dimensions",
    ),
    Row(
        Verdict.SHRINK,
        _FEWER,
        f"{_GUIDE}/debugging: reprojection output too large",
        r"output of image computation is too large|reprojection output too large",
    ),
    Row(
        Verdict.REROUTE,
        "only a batch task of Earth Engine may do this",
        f"{_GUIDE}/usage (limits of an answer); {_GITHUB}/openstreams/wflow/issues/20",
        r"collection query aborted after accumulating|computed value is too large|export too large",
    ),
    Row(
        Verdict.STOP,
        "fewer bands: Earth Engine gives 1,024 a request",
        f"{_GUIDE}/usage",
        r"too many bands",
    ),
    Row(
        Verdict.STOP,
        "register the project for Earth Engine as the message says",
        f"{_GITHUB}/healthysustainablecities/global-indicators/issues/547, "
        f"{_GITHUB}/google/earthengine-community/issues/762",
        r"not registered to use earth engine|has not been used in project|api .*is disabled",
    ),
    Row(
        Verdict.STOP,
        "check the id, and that the account that runs the step may read it",
        f"{_GUIDE}/debugging: asset not found",
        r"not found|does not exist or doesn't allow",
    ),
    Row(
        Verdict.STOP,
        _ACCESS,
        f"{_GITHUB}/earthrise-media/mining-detector/issues/14, {_GUIDE}/access_control",
        r"permission|forbidden|access denied",
    ),
    Row(Verdict.STOP, _ACCESS, f"{_GUIDE}/access_control", statuses=(401, 403)),
    Row(Verdict.STOP, "check the id, and that the account that runs the step may read it", f"{_GUIDE}", "", (404,)),
    Row(
        Verdict.STOP,
        "name bands that every image of the source has",
        f"{_GITHUB}/davemlz/eemont/issues/71, {_GITHUB}/swisstopo/topo-satromo/issues/101",
        r"did not match any bands|was applied to an image with no bands|no band named",
    ),
    Row(Verdict.STOP, "", f"{_GUIDE}/debugging: every other error is in what was asked"),
)

_TOO_LARGE = re.compile(r"total request size \((\d+) bytes\) must be less than or equal to (\d+)", re.IGNORECASE)
_LOST = (ConnectionError, TimeoutError)
"""What the Earth Engine client makes of a request that got no answer, or only the beginning of one."""


def diagnose(error: BaseException) -> Diagnosis | None:
    """What an error means; None where it is none of Earth Engine's.

    Args:
        error: As it left Google's client: an EEException with the HTTP error that it was made of, an error of the
            connection, or an answer that is not what was asked for.
    """
    if isinstance(error, StalledError):
        return Diagnosis(Verdict.RETRY, _SMALLER, at_once=True)
    # A body that was cut off where the connection does not tell is no JSON, or no NPY.
    if isinstance(error, (*_LOST, MalformedError, UnicodeDecodeError, json.JSONDecodeError)):
        return Diagnosis(Verdict.RETRY, "run it again later")
    if not isinstance(error, (ee.EEException, HttpError)):
        return None
    status, message = _told(error)
    row = next(row for row in ROWS if row.fits(status, message))
    return Diagnosis(row.verdict, row.remedy, share=_share(message))


def words(error: BaseException) -> str:
    """An error for people: that of Google's HTTP client holds its address and says its reason twice."""
    return f"HTTP {int(error.resp.status)}: {error.reason}" if isinstance(error, HttpError) else str(error)


def _told(error: BaseException) -> tuple[int | None, str]:
    """HTTP status and words; the client keeps the status only in the error that its own one was made from."""
    cause = error if isinstance(error, HttpError) else error.__cause__ or error.__context__
    if not isinstance(cause, HttpError):
        return None, str(error)
    # The reason of a refused rate stands in the body alone.
    content = cause.content.decode(errors="replace") if isinstance(cause.content, bytes) else str(cause.content)
    return int(cause.resp.status), f"{error} {content}"


def _share(message: str) -> float | None:
    found = _TOO_LARGE.search(message)
    return int(found[2]) / int(found[1]) if found else None
