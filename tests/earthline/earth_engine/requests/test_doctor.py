"""What errors of Earth Engine mean: real messages, with the status that they come with."""

import json

import ee
import httplib2
import pytest
from google.auth.exceptions import RefreshError
from googleapiclient.errors import HttpError

from earthline.earth_engine.requests.answers import MalformedError
from earthline.earth_engine.requests.doctor import ROWS, Verdict, diagnose
from earthline.earth_engine.requests.transport import StalledError

TOO_MANY = "Too Many Requests: Request was rejected because the request rate or concurrency limit was exceeded."
ENDPOINT = "Model.predictImage: Prediction request to endpoint 'projects/p/locations/l/endpoints/1' failed: "
METRIC = (
    "Quota exceeded for quota metric 'Number of read requests' and limit 'Number of read requests per minute per user'"
)
UNREGISTERED = "Project my-project is not registered to use Earth Engine. Visit https://code.earthengine.google.com/"
UNNAMED = "Caller does not have required permission to use project p. Grant the caller the roles/serviceusage role"
MESSAGES = [
    (429, TOO_MANY, "retry", "lower the concurrency"),
    (429, "Too many concurrent aggregations.", "retry", ""),
    (429, f"{METRIC} of service 'earthengine.googleapis.com'", "retry", ""),
    (
        429,
        "Quota exceeded for quota metric 'EECU-time' and limit 'EECU-time per day' of service",
        "stop",
        "next period",
    ),
    (None, TOO_MANY, "retry", "lower the concurrency"),
    (500, "An internal error has occurred", "retry", "later"),
    (503, "The service is currently unavailable.", "retry", ""),
    (502, "Computation timed out.", "retry", ""),
    (400, "Earth Engine memory capacity exceeded", "retry", ""),
    (400, ENDPOINT + "HTTP 429: Resource exhausted", "retry", "max_replicas"),
    (400, ENDPOINT + "HTTP 503: upstream connect error", "retry", "max_replicas"),
    (400, ENDPOINT + "no answer (ReadTimeout: timed out)", "retry", "max_replicas"),
    (400, "Vertex AI: DEADLINE_EXCEEDED after 60 s", "retry", "max_replicas"),
    (400, ENDPOINT + "HTTP 400: Request payload size exceeds the limit", "stop", "tile_shape"),
    (400, ENDPOINT + "HTTP 403: permission denied", "stop", "access"),
    (400, "User memory limit exceeded.", "shrink", "shorter date range"),
    (400, "Computation timed out.", "shrink", "smaller patch"),
    (400, "Total request size (56623104 bytes) must be less than or equal to 50331648 bytes.", "shrink", "fewer bands"),
    (400, "Pixel grid dimensions (40818x1) must be less than or equal to 32768.", "shrink", "smaller"),
    (400, "Output of image computation is too large (6 bands for 9 pixels = 1.1 GiB > 80.0 MiB).", "shrink", ""),
    (400, "Object too large (4000000016 bytes).", "shrink", ""),
    (400, "Collection query aborted after accumulating over 5000 elements.", "reroute", "batch task"),
    (400, "Computed value is too large.", "reroute", "batch task"),
    (400, "Request payload size exceeds the limit: 10485760 bytes.", "stop", "fewer corners"),
    (400, "Image.select: Pattern 'SR_3' did not match any bands. Available bands: [SR_B1]", "stop", "name bands"),
    (400, "Image.select: Band pattern 'B4' did not match any bands.", "stop", "name bands"),
    (400, "Band pattern 'ndsi' was applied to an Image with no bands", "stop", "name bands"),
    (400, "Too many bands (1030): at most 1024 bands per request.", "stop", "1,024"),
    (400, "Image.load: Image asset 'A/B' not found (does not exist or caller does not have access).", "stop", "the id"),
    (404, "Asset 'projects/p/assets/a' does not exist or doesn't allow this operation.", "stop", "the id"),
    (403, UNNAMED, "stop", "access"),
    (403, UNREGISTERED, "stop", "register"),
    (401, "Request had invalid authentication credentials.", "stop", "access"),
    (400, "Image.foo: unknown", "stop", ""),
    (None, "Earth Engine client library not initialized. See http://goo.gle/ee-auth.", "stop", ""),
]


def refusal(status, message, **body):
    """An error as the Earth Engine client raises it."""
    if status is None:
        return ee.EEException(message)
    answer = httplib2.Response({"status": status, "content-type": "application/json"})
    content = json.dumps({"error": {"code": status, "message": message, **body}}).encode()
    try:
        try:
            raise HttpError(answer, content)
        except HttpError:
            raise ee.EEException(message)  # noqa: B904  # as the client does it, without `from`
    except ee.EEException as error:
        return error


@pytest.mark.parametrize(("status", "message", "verdict", "remedy"), MESSAGES)
def test_a_message_has_its_verdict_and_its_remedy(status, message, verdict, remedy):
    found = diagnose(refusal(status, message))
    assert found is not None and found.verdict == verdict and remedy in found.remedy
    assert not found.at_once


def test_every_row_says_where_it_is_from_and_decides_about_some_message():
    errors = [refusal(status, message) for status, message, *_ in MESSAGES]
    errors.append(refusal(403, "Rate exceeded", errors=[{"reason": "rateLimitExceeded"}]))
    errors += [refusal(403, "No."), refusal(404, "No.")]
    told = [(int(error.__context__.resp.status) if error.__context__ else None, str(error)) for error in errors]
    told[-3] = (403, "rateLimitExceeded")
    first = {next(number for number, row in enumerate(ROWS) if row.fits(*each)) for each in told}
    assert first == set(range(len(ROWS)))
    assert all("https://" in row.source for row in ROWS)
    assert all(row.remedy for row in ROWS[:-1])


def test_the_reason_of_a_refused_rate_stands_in_the_body():
    assert diagnose(refusal(403, "No.", errors=[{"reason": "rateLimitExceeded"}])).verdict == Verdict.RETRY
    assert diagnose(refusal(403, "No.", errors=[{"reason": "forbidden"}])).verdict == Verdict.STOP


def test_lost_and_malformed_answers_are_asked_for_again_and_stalled_ones_at_once():
    for error in (ConnectionError("reset"), TimeoutError(), MalformedError("cut"), json.JSONDecodeError("x", "", 0)):
        assert diagnose(error).verdict == Verdict.RETRY and not diagnose(error).at_once
    assert diagnose(StalledError()).verdict == Verdict.RETRY and diagnose(StalledError()).at_once


def test_what_is_too_large_says_how_much_would_do():
    message = "Total request size (100000000 bytes) must be less than or equal to 50000000 bytes."
    assert diagnose(refusal(400, message)).share == 0.5
    assert diagnose(refusal(400, "User memory limit exceeded.")).share is None


def test_other_errors_are_nobodys():
    assert diagnose(ValueError("a mistake of ours")) is None
    assert diagnose(RefreshError("no credentials")) is None
