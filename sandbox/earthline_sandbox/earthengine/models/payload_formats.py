"""The payload formats by name, of HTTP and of gRPC."""

from earthline_sandbox.earthengine.models.grpc_payloads import EXAMPLES_ALIAS, GRPC_FORMATS, GrpcPayload
from earthline_sandbox.earthengine.models.payloads import JSON_FORMATS, JsonPayload, Payload
from earthline_sandbox.earthengine.readings import BATCHED
from earthline_sandbox.errors import invalid


def payload_of(name: str | None, grpc_reading: str = BATCHED) -> Payload:
    """The payload format that a model asks for.

    Args:
        name: `payloadFormat`; None for the default.
        grpc_reading: Whether tiles share a request by gRPC.

    Raises:
        ApiError: INVALID_ARGUMENT where there is none of that name.
    """
    chosen = name or JSON_FORMATS[0]
    if chosen in JSON_FORMATS:
        return JsonPayload(chosen)
    if chosen == EXAMPLES_ALIAS:
        chosen = GRPC_FORMATS[-1]
    if chosen not in GRPC_FORMATS:
        every = ", ".join((*JSON_FORMATS, *GRPC_FORMATS))
        raise invalid(f"Model.predictImage: Unknown payloadFormat '{chosen}'; use one of {every}.")
    return GrpcPayload(chosen, batched=grpc_reading == BATCHED)
