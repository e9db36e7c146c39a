"""A small network that is prepared for both runtimes."""

from pathlib import Path

import pytest

from tests import small_network


@pytest.fixture(scope="package")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prepared")
    small_network.prepare(small_network.network(), ("red", "nir"), folder)
    return folder
