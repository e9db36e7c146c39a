"""How many bytes an online prediction may ask and answer, for shared and dedicated endpoints.

Source: https://cloud.google.com/vertex-ai/docs/predictions/choose-endpoint-type: 1.5 MB on shared public endpoints,
10 MB on dedicated ones. Requests are refused beyond the number that Vertex AI's own message names; for responses the
page's number is taken in its stricter meaning.
"""

from dataclasses import dataclass

from earthline_sandbox.limits import AdjustableLimits


@dataclass
class PayloadLimits(AdjustableLimits):
    """Sizes of bodies, in bytes.

    Attributes:
        prediction_request_bytes: Request to a shared endpoint.
        prediction_response_bytes: Answer of the container behind one.
        dedicated_request_bytes: Request to a dedicated endpoint.
        dedicated_response_bytes: Answer of the container behind one.
    """

    prediction_request_bytes: int = 1_572_864
    prediction_response_bytes: int = 1_500_000
    dedicated_request_bytes: int = 10 * 2**20
    dedicated_response_bytes: int = 10 * 2**20

    def of(self, *, dedicated: bool) -> tuple[int, int]:
        """(request, response) of a kind of endpoint."""
        if dedicated:
            return self.dedicated_request_bytes, self.dedicated_response_bytes
        return self.prediction_request_bytes, self.prediction_response_bytes
