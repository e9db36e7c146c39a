"""Vertex AI endpoints by their display names."""

from typing import Any

from google.cloud import aiplatform

from earthline.vertex.retry import patiently


def named(name: str) -> list[Any]:
    """Every `aiplatform.Endpoint` of exactly this display name, newest first.

    Args:
        name: Display name.

    Raises:
        google.api_core.exceptions.GoogleAPIError: Vertex AI refuses, or does not answer.
    """
    endpoints: list[Any] = patiently(
        lambda: aiplatform.Endpoint.list(filter=f'display_name="{name}"', order_by="create_time desc"),
        f"finding the endpoint {name}",
    )
    return endpoints


def is_dedicated(endpoint: Any) -> bool:
    """Whether an `aiplatform.Endpoint` has a host name of its own, and takes larger requests.

    Args:
        endpoint: Which.
    """
    return bool(getattr(getattr(endpoint, "gca_resource", None), "dedicated_endpoint_enabled", False))


def call_options(endpoint: Any) -> dict[str, bool]:
    """Keywords for `predict` and `raw_predict` of an `aiplatform.Endpoint`: a dedicated one answers at its own host.

    Args:
        endpoint: Which.
    """
    return {"use_dedicated_endpoint": True} if is_dedicated(endpoint) else {}


def find(name: str) -> Any | None:
    """The newest `aiplatform.Endpoint` of exactly this display name; None where there is none.

    Args:
        name: Display name.
    """
    return next(iter(named(name)), None)
