"""`predict.asset` is written, so it is nothing that is read."""

from pathlib import Path

import pytest

from earthline.config import Config, ConfigError, load

QUICKSTART = Path(__file__).resolve().parents[3] / "configs" / "quickstart.yaml"
IMAGE, LABELS = "projects/sandbox/assets/north_carolina/landsat7_2000", "projects/sandbox/assets/of_legacy/labels"


def loaded(*overrides: str) -> Config:
    return load(QUICKSTART, overrides)


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ([f"predict.asset={IMAGE}"], ["is data.imagery", IMAGE]),
        ([f"predict.asset={IMAGE}/"], ["is data.imagery"]),
        (["predict.asset=projects/sandbox/assets/north_carolina/strata_1996"], ["is data.labels"]),
        ([f"predict.asset={IMAGE}/map"], ["lies inside data.imagery"]),
        (["predict.asset=projects/sandbox/assets/north_carolina"], ["is a folder that holds data.imagery"]),
        (
            ["predict.asset=projects/sandbox/assets/earthline/quickstart"],
            ["is the model that register"],
        ),
        (
            ["data.labels.image=users/me/labels", "predict.asset=projects/earthengine-legacy/assets/users/me/labels"],
            ["is data.labels (users/me/labels)"],
        ),
        (["predict.asset=maps/2021"], ["is in no project", "projects/sandbox/assets/maps/quickstart"]),
    ],
)
def test_an_asset_that_would_destroy_something_is_refused(overrides: list[str], words: list[str]) -> None:
    with pytest.raises(ConfigError) as refused:
        loaded(*overrides)
    for word in ("predict.asset", *words):
        assert word in str(refused.value)


@pytest.mark.parametrize(
    "asset",
    ["projects/sandbox/assets/north_carolina/map", "projects/other/assets/a/b/c", f"{IMAGE}_map", "users/me/map"],
)
def test_an_asset_of_its_own_is_taken(asset: str) -> None:
    assert loaded(f"predict.asset={asset}").predict.asset == asset
