"""Findings of checks: shown as lines, and those that Earth Engine is asked for."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape

from cli.terminal import failures

if TYPE_CHECKING:  # these modules load pydantic and Google's client
    from earthline.config import Config
    from earthline.finding import Finding

_ADD = "`earthline sandbox add ASSET FILE.tif` makes an asset of your raster, `earthline sandbox seed` brings open data"


def show(finding: "Finding", console: Console) -> None:
    """Prints a finding: a mark, what was checked, what was found, and what mends it.

    Args:
        finding: The finding.
        console: Where to write.
    """
    mark = {True: "[green]✓[/]", False: "[bold red]✗[/]", None: "[dim]-[/]"}[finding.passed]
    detail = finding.detail.replace("\n", f"\n{'':<25}")
    console.print(f"{mark} {finding.name:<22} {escape(detail)}", soft_wrap=True, highlight=False)
    if finding.fix:
        console.print(f"  {'fix:':<22} {escape(finding.fix)}", soft_wrap=True, highlight=False)


def of_earth_engine(settings: "Config") -> "Iterator[Finding]":
    """Asks whether Earth Engine answers, then all about imagery and labels that does not rest on a failed answer.

    Args:
        settings: The workflow's config.
    """
    from cli.launch.questions import NEEDS, questions
    from earthline.earth_engine import connection
    from earthline.finding import Finding

    project = settings.environment.project

    def connect() -> str:
        connection.connect(project)
        return f"answers to project {project}"

    enable = f"gcloud services enable earthengine.googleapis.com --project={project}"
    found = ask("Earth Engine", connect, enable)
    yield found
    if not found.passed:
        return
    failed: list[str] = []
    for question in questions(settings):
        missing = [name for name in failed if question.name in NEEDS.get(name, ())]
        if missing:
            yield Finding(question.name, None, f"not asked: it needs {' and '.join(missing)}")
            continue
        found = ask(question.name, question.ask, "")
        if not found.passed and "not found" in found.detail and settings.environment.target == "sandbox":
            found = replace(found, fix=_ADD)
        yield found
        if not found.passed:
            failed.append(question.name)


def ask(name: str, question: Callable[[], str], fix: str) -> "Finding":
    """Asks, and makes a finding of the answer or of what came in its place.

    Args:
        name: What is asked about.
        question: Gives what was found.
        fix: What to do where Google refuses.
    """
    import ee
    from google.api_core.exceptions import GoogleAPIError
    from google.auth.exceptions import GoogleAuthError
    from requests import RequestException

    from components.export_examples.planning.blocks import SplitError
    from earthline.config import ConfigError
    from earthline.earth_engine.imagery import ImageryError
    from earthline.earth_engine.retry import PixelsError
    from earthline.finding import Finding

    try:
        return Finding(name, True, question())
    except (ConfigError, ImageryError, PixelsError, SplitError) as error:
        return Finding(name, False, str(error))
    except GoogleAuthError as error:
        return Finding(name, False, str(error), "gcloud auth application-default login")
    except (ee.EEException, GoogleAPIError, RequestException, LookupError) as error:
        return Finding(name, False, failures.plainly(error), fix)
