import base64

import pytest

from earthline_sandbox.vertex.containers import containers

SERVER = """
import os, sys
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer

import grpc

class Health(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
    def log_message(self, *args):
        pass

def answer(request, context):
    if request == b"wrong":
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, "instances[3].B4: no tensor")
    if request == b"busy":
        context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "40 requests wait")
    if request.isdigit():
        return b"x" * int(request.lstrip(b"0"))
    return os.environ["AIP_GRPC_PORT"].encode() + b"|" + request

class Service(grpc.GenericRpcHandler):
    def service(self, details):
        if details.method == "/tiny.Service/Predict":
            return grpc.unary_unary_rpc_method_handler(answer)
        if details.method == "/grpc.health.v1.Health/Check" and sys.argv[1:]:
            return grpc.unary_unary_rpc_method_handler(lambda request, context: sys.argv[1].encode("latin-1"))

if "AIP_GRPC_PORT" in os.environ:
    server = grpc.server(ThreadPoolExecutor(4), handlers=[Service()])
    server.add_insecure_port("127.0.0.1:" + os.environ["AIP_GRPC_PORT"])
    server.start()
HTTPServer(("127.0.0.1", int(os.environ["AIP_HTTP_PORT"])), Health).serve_forever()
"""


@pytest.fixture
def deployed(vertex, tmp_path):
    """Deploys a server of gRPC; gives its endpoint."""
    script = tmp_path / "grpc_server.py"
    script.write_text(SERVER)

    def deploy(*arguments, expect="", ports=(9000,), **options):
        spec = {
            "command": ["python3", str(script)],
            "args": list(arguments),
            "env": [],
            "predictRoute": "/",
            "grpcPorts": [{"containerPort": port} for port in ports],
            **options,
        }
        endpoint = vertex.endpoint()
        operation = vertex.deploy(endpoint, vertex.upload(containerSpec=spec))
        if expect:
            assert expect in vertex.settle(operation)["error"]["message"]
        else:
            vertex.result(operation)
        return endpoint

    return deploy


def direct(vertex, endpoint, body, method="/tiny.Service/Predict", expect=200):
    request = {"methodName": method, "input": base64.b64encode(body).decode()}
    answer = vertex.call("POST", f"/v1/{endpoint}:directRawPredict", request, expect=expect)
    return base64.b64decode(answer["output"]) if expect == 200 else answer["error"]


def test_bytes_reach_the_method_on_the_declared_port_and_come_back(vertex, deployed):
    endpoint = deployed()
    [status] = vertex.service.status()["endpoints"][endpoint]["deployedModels"].values()
    port, _, body = direct(vertex, endpoint, b"\x00\xff").partition(b"|")
    assert (int(port), body) == (status["grpcPort"], b"\x00\xff")
    assert direct(vertex, endpoint, b"a", "/tiny.Service/Predict/").endswith(b"|a")
    wrong = direct(vertex, endpoint, b"wrong", expect=400)
    assert (wrong["status"], wrong["message"]) == ("INVALID_ARGUMENT", "instances[3].B4: no tensor")
    assert direct(vertex, endpoint, b"busy", expect=429)["message"] == "40 requests wait"
    assert direct(vertex, endpoint, b"a", "/tiny.Service/Other", expect=501)["status"] == "UNIMPLEMENTED"
    assert "method_name 'Predict' is not valid" in direct(vertex, endpoint, b"a", "Predict", expect=400)["message"]


def test_requests_and_answers_are_limited_as_others_are(vertex, deployed):
    endpoint = deployed()
    assert "limit: 1572864 bytes" in direct(vertex, endpoint, b"y" * 1_572_865, expect=400)["message"]
    assert direct(vertex, endpoint, b"0" * 1_572_863 + b"9") == b"x" * 9
    assert len(direct(vertex, endpoint, b"1500000")) == 1_500_000
    assert "Response size too large" in direct(vertex, endpoint, b"1500001", expect=400)["message"]
    dedicated = vertex.endpoint(dedicatedEndpointEnabled=True)
    assert "limit: 10485760" in direct(vertex, dedicated, b"y" * 10_485_761, expect=400)["message"]


def test_a_port_that_the_command_names_is_kept(vertex, deployed):
    port = containers.free_port()
    endpoint = deployed("\x08\x01", f"--grpc={port}", ports=(port, 9001))
    assert direct(vertex, endpoint, b"a").startswith(str(port).encode())


def test_a_server_is_ready_once_its_grpc_serves(deployed):
    deployed("\x08\x01")
    deployed("\x08\x02", expect="or gRPC on port", deploymentTimeout="2s")


def test_without_a_declared_port_grpc_is_disabled(vertex, deployed):
    endpoint = deployed(ports=())
    error = direct(vertex, endpoint, b"a", expect=400)
    assert error["status"] == "FAILED_PRECONDITION" and "serving_container_grpc_ports" in error["message"]
