"""What is tried again and what is final."""

import ee
import httplib2
import pytest
from google.auth.exceptions import RefreshError
from googleapiclient.errors import HttpError

from earthline.earth_engine import retry
from earthline.earth_engine.imagery.errors import ImageryError, answered
from earthline.earth_engine.retry import PixelsError, ask


def refusal(status, message):
    """An error as the Earth Engine client raises it."""
    answer = httplib2.Response({"status": status, "content-type": "application/json"})
    try:
        try:
            raise HttpError(answer, b'{"error": {"message": "%s"}}' % message.encode())
        except HttpError:
            raise ee.EEException(message)  # noqa: B904  # as the client does it, without `from`
    except ee.EEException as error:
        return error


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    monkeypatch.setattr(retry, "FIRST_PAUSE", 0.001)
    monkeypatch.setattr(retry, "LONGEST_PAUSE", 0.002)


def failing(errors):
    """A call that raises each error in turn and then answers, and the list of its calls."""
    calls = []

    def call():
        calls.append(len(calls))
        if len(calls) <= len(errors):
            raise errors[len(calls) - 1]
        return "answer"

    return call, calls


@pytest.mark.parametrize(
    "error",
    [refusal(429, "Too many requests"), refusal(500, "oops"), refusal(503, "busy"), ConnectionError(), TimeoutError()],
)
def test_what_may_pass_is_tried_again(error):
    call, calls = failing([error, error])
    assert ask(call, 3, "patch") == "answer"
    assert len(calls) == 3


@pytest.mark.parametrize(
    ("message", "advice"),
    [("User memory limit exceeded.", "smaller patch"), ("Image.foo: unknown", "Image.foo"), ("not found", "the id")],
)
def test_what_stays_wrong_is_not_tried_again_and_says_what_to_do(message, advice):
    call, calls = failing([refusal(400, message)])
    with pytest.raises(PixelsError) as seen:
        ask(call, 5, "patch at row 3")
    assert str(seen.value).startswith(f"patch at row 3: Earth Engine refused: {message}")
    assert advice in str(seen.value)
    assert len(calls) == 1


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("Computation timed out.", "data.imagery: Computation timed out.; the question is about the whole region"),
        ("Permission denied.", "data.imagery: Earth Engine refused: Permission denied.; "),
    ],
)
def test_a_question_about_the_config_that_is_refused_says_what_to_do(message, words):
    with pytest.raises(ImageryError) as seen:
        answered(failing([refusal(403 if "denied" in message else 400, message)])[0], "data.imagery")
    assert str(seen.value).startswith(words)
    # Of a question there is no patch that could be smaller.
    assert "patch" not in str(seen.value)


def test_tries_are_counted():
    call, calls = failing([refusal(429, "slow down")] * 9)
    with pytest.raises(PixelsError, match="no answer from Earth Engine in 4 tries, the last time: slow down"):
        ask(call, 4, "patch")
    assert len(calls) == 4


def test_googles_http_error_is_told_without_its_address_and_once():
    error = refusal(503, "The service is currently unavailable.").__context__
    error.uri = "https://earthengine-highvolume.googleapis.com/$discovery/rest?version=v1"
    with pytest.raises(PixelsError) as seen:
        ask(failing([error] * 2)[0], 2, "Earth Engine for project p")
    assert str(seen.value) == (
        "Earth Engine for project p: no answer from Earth Engine in 2 tries, the last time: HTTP 503: The service is "
        "currently unavailable.; run it again later"
    )


def test_a_rate_that_is_refused_by_403_is_tried_again():
    rate = refusal(403, "Rate exceeded")
    rate.__context__.content = b'{"error": {"errors": [{"reason": "rateLimitExceeded"}]}}'
    call, calls = failing([rate])
    assert ask(call, 3, "patch") == "answer" and len(calls) == 2
    with pytest.raises(PixelsError, match="refused: No permission"):
        ask(failing([refusal(403, "No permission")])[0], 3, "patch")


def test_credentials_that_are_late_are_waited_for_and_refused_ones_are_final():
    late, wrong = RefreshError("metadata server busy", retryable=True), RefreshError("revoked")
    assert ask(failing([late])[0], 3, "patch") == "answer"
    with pytest.raises(RefreshError, match="revoked"):
        ask(failing([wrong])[0], 3, "patch")


FIRST_REQUESTS = """
import json, os
from earthline.earth_engine import connection, imagery, retry, verification
from earthline.config import load
from pathlib import Path

retry.FIRST_PAUSE, retry.LONGEST_PAUSE = 0.01, 0.05
data = load(Path(os.environ["CONFIG"])).data
connection.connect("sandbox")
verification.verify(data)
print(imagery.grid(data).shape)
"""


@pytest.mark.parametrize(("kind", "method"), [("503", "algorithms:list"), ("429", "value:compute"), ("503", "*")])
def test_the_first_requests_are_waited_for_like_pixels(clean_sandbox, request, kind, method):
    clean_sandbox.command("seed", "north_carolina")
    clean_sandbox.command("faults", "add", kind, "--method", method, "--times", "3")
    try:
        config = request.config.rootpath / "configs" / "quickstart.yaml"
        assert "(443, 489)" in clean_sandbox.python(FIRST_REQUESTS, CONFIG=str(config))
    finally:
        clean_sandbox.command("faults", "clear")
