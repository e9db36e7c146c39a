"""A model to which Earth Engine sends by gRPC is registered with a port for it, through Vertex AI's own client."""

import json
import sys
from typing import Any

from components.prepare_saved_model.run import container
from earthline.earth_engine import ee_model
from earthline.formats.served.contract import Contract
from earthline.grid import Grid
from earthline.task.classification.task import Classification
from tests.components.outcomes import outcome as told

STEP = """
import json, sys
from google.cloud import aiplatform
from components.deploy_model import registry
aiplatform.init(project="sandbox", location="us-central1")
http, grpc = json.loads(sys.argv[1])
def uploaded(container):
    model = registry.upload("by-grpc", "gs://earthline-sandbox/by-grpc", container, {}, "a version")
    return model.version_id, [port.container_port for port in model.container_spec.grpc_ports]
print("OUTCOME" + json.dumps([uploaded(each) for each in (http, grpc, grpc)]))
"""


def contract(**changes: Any) -> Contract:
    return Contract(
        bands=("red",),
        task=Classification(("a", "b")).record,
        tile_shape=(8, 8),
        overlap=(0, 0),
        stride=1,
        max_payload_bytes=1_500_000,
        **changes,
    )


def test_grpc_has_a_port_of_its_own_where_it_is_chosen(sandbox: Any) -> None:
    grid = Grid("EPSG:32617", (10, 0, 500_000, 0, -10, 4_000_000), (8, 8))
    chosen = contract(payload_format="GRPC_TF_TENSORS")
    for each, said in ((contract(), "SERIALIZED_TF_TENSORS"), (chosen, "GRPC_TF_TENSORS")):
        assert ee_model.arguments("e", each, grid)["payloadFormat"] == said
    folder = sandbox.home / "storage" / "earthline-sandbox" / "by-grpc"
    folder.mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"model")
    containers = [container(each, "image:1", "small:1") for each in (contract(), chosen)]
    # A version that lacks the port is not taken for the same.
    done = sandbox.run([sys.executable, "-c", STEP, json.dumps(containers)])
    assert told(done) == [["1", []], ["2", [8500]], ["2", [8500]]]
