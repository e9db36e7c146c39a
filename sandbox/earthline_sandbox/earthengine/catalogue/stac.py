"""The root of Earth Engine's public STAC catalogue, which third-party clients read before they download.

geedim takes scales and offsets of bands from it and does without where it has no entry, but not without its root.
"""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

HOST = "earthengine-stac.storage.googleapis.com"
_ROOT = f"https://{HOST}/catalog/catalog.json"


class _TextResponse(JSONResponse):
    """JSON as Cloud Storage serves these files; geedim refuses another type."""

    media_type = "text/plain"


def routes() -> list[Route]:
    """The catalogue's one document: no entries, as the sandbox has none of Google's data sets."""
    return [Route("/catalog/catalog.json", _catalog)]


async def _catalog(request: Request) -> Response:
    return _TextResponse(
        {
            "type": "Catalog",
            "stac_version": "1.0.0",
            "id": "GEE_catalog",
            "title": "Earth Engine of the Earthline sandbox",
            "description": "The sandbox's data sets are its assets; it has no descriptions of Google's.",
            "links": [{"rel": relation, "href": _ROOT, "type": "application/json"} for relation in ("self", "root")],
        }
    )
