"""Where credentials are found without asking anybody."""

from pathlib import Path

import pytest

from pipelines.checks.credentials import has_credentials


def test_a_metadata_server_counts_as_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("GOOGLE_APPLICATION_CREDENTIALS", "GCE_METADATA_HOST", "GCE_METADATA_ROOT", "K_SERVICE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    product = tmp_path / "product_name"
    assert not has_credentials(product)
    product.write_text("Standard PC\n")
    assert not has_credentials(product)
    product.write_text("Google Compute Engine\n")
    assert has_credentials(product)
    assert not has_credentials(tmp_path / "none")
    (tmp_path / "application_default_credentials.json").write_text("{}")
    assert has_credentials(tmp_path / "none")
