import json
import subprocess
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from earthline_sandbox.environment import REMOVED, SAVED, exports, names, redirect, restore, shell
from earthline_sandbox.settings import Home


def variables(root: Path = Path("/data/home")) -> dict[str, str]:
    return redirect(
        Home(root), port=1234, proxy_port=5678, project="sandbox", project_number="123456789012", location="us-central1"
    )


def test_every_way_out_leads_to_the_proxy() -> None:
    found = variables()
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "grpc_proxy"):
        assert found[name] == "http://127.0.0.1:5678"
    assert "127.0.0.1" in found["NO_PROXY"].split(",")
    assert "googleapis" not in found["NO_PROXY"]
    assert found["GCE_METADATA_HOST"] == "127.0.0.1:1234"
    assert found["CLOUDSDK_CONFIG"].startswith("/data/home/")


def test_restore_undoes_env() -> None:
    before = {"HTTPS_PROXY": "http://corporate:3128", "GOOGLE_APPLICATION_CREDENTIALS": "/key", "OTHER": "x"}
    inside = {**before, **exports(variables(), before)}
    for name in REMOVED:
        inside.pop(name, None)
    again = {**inside, **exports(variables(), inside)}
    assert again[SAVED] == inside[SAVED]
    restore(again, names())
    assert again == before


def test_restore_leaves_a_plain_environment_alone() -> None:
    plain = {"HTTPS_PROXY": "http://corporate:3128"}
    restore(plain, names())
    assert plain == {"HTTPS_PROXY": "http://corporate:3128"}


@settings(max_examples=25, deadline=None)
@given(value=st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=40))
def test_any_value_survives_a_shell(value: str) -> None:
    script = shell({"SANDBOX_VALUE": value}) + 'printf %s "$SANDBOX_VALUE"'
    done = subprocess.run(["sh", "-c", script], capture_output=True, check=True, env={"LC_ALL": "C.UTF-8"})
    assert done.stdout.decode() == value


def test_saved_is_json_even_when_nothing_was_set() -> None:
    assert json.loads(exports(variables(), {})[SAVED]) == {}
