import asyncio
import shutil
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from earthline_sandbox.errors import ApiError
from earthline_sandbox.gateway.application import Application
from earthline_sandbox.responses import JsonResponse
from earthline_sandbox.settings import Home, Settings


async def _echo(request: Request) -> Response:
    return JsonResponse({"path": request.url.path})


async def _refuse(request: Request) -> Response:
    raise ApiError("RESOURCE_EXHAUSTED", "too many")


async def _fail(request: Request) -> Response:
    raise RuntimeError("a bug")


async def _seed(request: Request) -> Response:
    return JsonResponse({"seeded": True})


class Tiny:
    """A service of one test."""

    name = "tiny"
    hosts: tuple[str, ...] = ("tiny.googleapis.com", "*-tiny.googleapis.com")

    def __init__(self) -> None:
        routes = [Route("/refuse", _refuse), Route("/fail", _fail), Route("/{rest:path}", _echo)]
        self.app: ASGIApp = Starlette(routes=routes)
        self.admin = [Route("/seed", _seed, methods=["POST"])]
        self.resets = 0

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def reset(self) -> None:
        self.resets += 1

    def busy(self) -> bool:
        return False

    def status(self) -> dict[str, Any]:
        return {"resets": self.resets}


@pytest.fixture
def service() -> Tiny:
    return Tiny()


@pytest.fixture
def application(service: Tiny, tmp_path: Path) -> Application:
    settings = Settings(home=Home(tmp_path), port=1)
    return Application(settings, [service], describe=lambda: {"pid": 1}, stop=lambda: None)


def call(application: Application, method: str, url: str, **options: Any) -> httpx.Response:
    async def scenario() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=application)) as client:
            return await client.request(method, url, **options)

    return asyncio.run(scenario())


@pytest.mark.parametrize(
    "host", ["tiny.googleapis.com", "TINY.googleapis.com", "us-tiny.googleapis.com", "tiny.googleapis.com:443"]
)
def test_hosts_are_matched_without_case_and_port(application: Application, host: str) -> None:
    answer = call(application, "GET", "http://127.0.0.1/v1/x", headers={"Host": host})
    assert answer.json() == {"path": "/v1/x"}


@pytest.mark.parametrize("host", ["tiny.googleapis.com.evil.com", "eviltiny.googleapis.com", "googleapis.com", ""])
def test_other_hosts_get_a_404_that_names_what_is_served(application: Application, host: str) -> None:
    answer = call(application, "GET", "http://127.0.0.1/v1/x", headers={"Host": host})
    assert answer.status_code == 404
    assert "tiny.googleapis.com" in answer.json()["error"]["message"]


def test_refusals_and_failures_have_googles_shape(application: Application, caplog: pytest.LogCaptureFixture) -> None:
    refused = call(application, "GET", "http://tiny.googleapis.com/refuse")
    assert refused.status_code == 429
    assert refused.json() == {"error": {"code": 429, "message": "too many", "status": "RESOURCE_EXHAUSTED"}}
    failed = call(application, "GET", "http://tiny.googleapis.com/fail")
    assert failed.status_code == 500
    assert failed.json()["error"]["status"] == "INTERNAL"
    assert "a bug" not in failed.text
    assert any(record.exc_info for record in caplog.records), "the traceback is in the log"


def test_a_full_disk_is_the_answer_and_no_client_asks_again(
    application: Application, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=4096))
    failed = call(application, "GET", "http://tiny.googleapis.com/fail")
    assert (failed.status_code, failed.json()["error"]["status"]) == (400, "FAILED_PRECONDITION")
    assert failed.json()["error"]["message"].startswith(
        f"The sandbox's disk is full: 4,096 bytes are left for {tmp_path}"
    )
    assert call(application, "GET", "http://tiny.googleapis.com/refuse").status_code == 429


def test_admin_routes_of_a_service_need_the_header(application: Application, service: Tiny) -> None:
    url = "http://127.0.0.1/_sandbox/tiny/seed"
    assert call(application, "POST", url).status_code == 403
    assert call(application, "POST", url, headers={"X-Sandbox": "1"}).json() == {"seeded": True}
    reset = call(application, "POST", "http://localhost/_sandbox/reset", headers={"X-Sandbox": "1"})
    assert reset.json()["services"]["tiny"] == {"resets": 1}
    assert call(application, "GET", "http://127.0.0.1/_sandbox/nothing", headers={"X-Sandbox": "1"}).status_code == 404


def test_google_hosts_cannot_reach_the_admin_calls(application: Application, service: Tiny) -> None:
    answer = call(application, "POST", "http://tiny.googleapis.com/_sandbox/reset", headers={"X-Sandbox": "1"})
    assert answer.status_code == 405
    assert service.resets == 0


def test_requests_count_as_activity_and_admin_calls_do_not(application: Application) -> None:
    call(application, "GET", "http://127.0.0.1/_sandbox/status", headers={"X-Sandbox": "1"})
    assert application.activity.served == 0
    call(application, "GET", "http://tiny.googleapis.com/x")
    call(application, "GET", "http://tiny.googleapis.com/fail")
    assert (application.activity.served, application.activity.running) == (2, 0)
