import json
import socket
import ssl
import time

import pytest

# A pure loop in Python over half a billion comparisons: there is no call, band or member in it to check at.
ENDLESS = {
    "expression": {
        "result": "0",
        "values": {
            "0": {
                "functionInvocationValue": {
                    "functionName": "List.removeAll",
                    "arguments": {
                        "list": {"valueReference": "1"},
                        "other": {
                            "functionInvocationValue": {
                                "functionName": "List.sequence",
                                "arguments": {"start": {"constantValue": -30000}, "end": {"constantValue": -1}},
                            }
                        },
                    },
                }
            },
            "1": {
                "functionInvocationValue": {
                    "functionName": "List.sequence",
                    "arguments": {"start": {"constantValue": 1}, "end": {"constantValue": 30000}},
                }
            },
        },
    }
}
HOST = "earthengine.googleapis.com"


def request():
    body = json.dumps(ENDLESS).encode()
    head = (
        f"POST /v1/projects/sandbox/value:compute HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def plain(sandbox):
    return socket.create_connection(("127.0.0.1", sandbox.port), timeout=20)


def proxied(sandbox):
    connection = socket.create_connection(("127.0.0.1", sandbox.proxy_port), timeout=20)
    connection.sendall(f"CONNECT {HOST}:443 HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
    assert connection.recv(1000).startswith(b"HTTP/1.1 200")
    context = ssl.create_default_context(cafile=sandbox.environment["REQUESTS_CA_BUNDLE"])
    return context.wrap_socket(connection, server_hostname=HOST)


def waited(condition, seconds):
    """Seconds until the condition holds; fails after so many."""
    begun = time.monotonic()
    while not condition():
        assert time.monotonic() - begun < seconds, "it went on"
        time.sleep(0.02)
    return time.monotonic() - begun


@pytest.mark.parametrize("connect", [plain, proxied])
def test_a_computation_ends_when_its_client_hangs_up(sandbox, call_admin, connect):
    def running():
        return call_admin("status")["services"]["earthengine"]["computations"]

    def entries():
        return call_admin("earthengine/requests?method=value:compute")["requests"]

    waited(lambda: not running(), 10)
    call_admin("earthengine/requests", method="DELETE")
    connection = connect(sandbox)
    connection.sendall(request())
    waited(running, 10)
    time.sleep(0.3)
    connection.close()
    # A second of the sandbox's own; the machine of a test may be busy with others.
    assert waited(lambda: not running(), 10) < 3
    waited(entries, 5)
    assert [(entry["status"], entry["functions"]) for entry in entries()] == [
        (499, ["List.removeAll", "List.sequence"])
    ]


def test_a_computation_that_timed_out_ends_within_its_loop(sandbox, call_admin):
    limits = call_admin("earthengine/limits")["limits"]
    call_admin("earthengine/limits", {"interactive_seconds": 0.5})
    try:
        answer = sandbox.request("POST", HOST, "/v1/projects/sandbox/value:compute", json=ENDLESS)
        assert answer.status_code == 400 and answer.json()["error"]["message"] == "Computation timed out."
        waited(lambda: not call_admin("status")["services"]["earthengine"]["computations"], 5)
    finally:
        call_admin("earthengine/limits", {"interactive_seconds": limits["interactive_seconds"]})


def test_a_table_that_was_cut_off_is_whole_when_it_is_asked_for_again(sandbox, ee, call_admin):
    features = ee.FeatureCollection(
        ee.List.sequence(1, 4000).map(lambda i: ee.Feature(None, {"i": ee.Number(i).add(0)}))
    ).map(lambda feature: feature.set("j", ee.Number(feature.get("i")).multiply(2)))
    path = ee.data.getTableDownloadId({"table": features, "format": "CSV"})["docid"]
    limits = call_admin("earthengine/limits")["limits"]
    call_admin("earthengine/limits", {"interactive_seconds": 0.05})
    try:
        answer = sandbox.request("GET", HOST, f"/v1/{path}:getFeatures")
        assert (answer.status_code, answer.json()["error"]["message"]) == (400, "Computation timed out.")
    finally:
        call_admin("earthengine/limits", {"interactive_seconds": limits["interactive_seconds"]})
    waited(lambda: not call_admin("status")["services"]["earthengine"]["computations"], 10)
    answer = sandbox.request("GET", HOST, f"/v1/{path}:getFeatures")
    assert answer.status_code == 200 and len(answer.text.splitlines()) == 4001
