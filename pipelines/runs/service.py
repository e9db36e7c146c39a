"""Whether the model of a run serves: a later run, or a rollback, may have taken its place."""

from collections.abc import Mapping

from google.api_core.exceptions import NotFound
from google.cloud import aiplatform

from earthline.vertex.retry import patiently


def told(outputs: Mapping[str, tuple[str, ...]]) -> str:
    """One sentence on what the model that a run deployed gets of its endpoint's traffic now.

    Args:
        outputs: Uris of the outputs of the step deploy_model by name; empty where it did not run.

    Returns:
        The sentence; empty where the run deployed nothing.

    Raises:
        google.api_core.exceptions.GoogleAPIError: Vertex AI refuses, or does not answer.
    """
    model, endpoint = (_resource(outputs.get(name, ())) for name in ("vertex_model", "vertex_endpoint"))
    if not model or not endpoint:
        return ""
    identity, _, mine = model.partition("@")
    try:
        found = patiently(lambda: aiplatform.Endpoint(endpoint).gca_resource, "reading the endpoint")
    except NotFound:
        return f"version {mine} of its model does not serve: the endpoint is gone"
    shares: dict[str, int] = {}
    for each in found.deployed_models:
        share = int(found.traffic_split.get(each.id, 0))
        if share and _number(each.model) == _number(identity):
            shares[each.model_version_id] = shares.get(each.model_version_id, 0) + share
    others = ", ".join(f"version {key} gets {share} %" for key, share in shares.items() if key != mine)
    if mine not in shares:
        return f"version {mine} of its model does not serve now: {others or 'no version gets any'} of the traffic"
    return f"version {mine} of its model gets {shares[mine]} % of the traffic" + (f", {others}" if others else "")


def _resource(uris: tuple[str, ...]) -> str:
    return uris[0].partition("/v1/")[2] if uris else ""


def _number(model: str) -> str:
    """A model's own number: its resource name may hold the project's id or its number."""
    return model.partition("@")[0].rpartition("/")[2]
