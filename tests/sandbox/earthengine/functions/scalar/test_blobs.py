import pytest


def test_objects_of_the_storage_are_values(sandbox, ee, bucket):
    folder = sandbox.home / "storage" / bucket
    (folder / "notes").mkdir()
    (folder / "notes" / "a.txt").write_text("Grüße,1\n", "utf-8")
    (folder / "wide.txt").write_bytes("ok".encode("utf-16"))
    blob = ee.Blob(f"gs://{bucket}/notes/a.txt")
    found = ee.List([blob.string(), blob.url(), ee.Blob(f"gs://{bucket}/wide.txt").string("UTF-16")]).getInfo()
    assert found == ["Grüße,1\n", f"gs://{bucket}/notes/a.txt", "ok"]
    for url, encoding, message in [
        (f"gs://{bucket}/none.txt", None, "not found"),
        (f"gs://{bucket}/../../secret", None, "not found"),
        (f"gs://{bucket}/notes/a.txt", "US-ASCII", "is not text"),
        (f"gs://{bucket}/notes/a.txt", "zip", "Unknown encoding"),
    ]:
        with pytest.raises(ee.EEException, match=message):
            ee.Blob(url).string(encoding).getInfo()


def test_a_trend_and_a_geodesic_region_through_the_wire(sandbox, ee):
    years = ee.List.sequence(0, 4)
    collection = ee.ImageCollection(
        years.map(lambda year: ee.Image.constant([1, year, ee.Number(year).multiply(3).add(2)]).toDouble())
    )
    fitted = collection.reduce(ee.Reducer.linearRegression(2, 1)).select("coefficients")
    region = ee.Geometry.Polygon([[[-100, 50], [-60, 50], [-60, 60], [-100, 60]]])
    planar = ee.Geometry.Polygon([[[-100, 50], [-60, 50], [-60, 60], [-100, 60]]], None, False)
    bulge = ee.Image.pixelLonLat().select("latitude")
    found = ee.Dictionary(
        {
            "trend": fitted.arrayProject([0])
            .arrayFlatten([["a", "b"]])
            .reduceRegion(ee.Reducer.first(), ee.Geometry.Point(0, 0), 1000),
            "north": bulge.reduceRegion(ee.Reducer.max(), region, 20_000).get("latitude"),
            "planar": bulge.reduceRegion(ee.Reducer.max(), planar, 20_000).get("latitude"),
        }
    ).getInfo()
    assert found["trend"] == {"a": pytest.approx(2), "b": pytest.approx(3)}
    assert 61 < found["north"] < 61.6  # the great circle rises to 61.52 degrees
    assert found["planar"] < 60
