"""Makes the tutorial's two GeoTIFFs, `image.tif` and `labels.tif`: an invented valley of 4 by 4 kilometres.

Run it in the folder where the files shall lie: `python make_scene.py`. Everything is drawn from one seed, so the
files are the same on every machine. The scene is not real: it stands for your own imagery and labels.
"""

import numpy as np
import rasterio
from rasterio import Affine
from scipy import ndimage

SIDE = 400
"""Pixels of 10 m along each edge."""
WATER, FOREST, ORCHARD, FIELDS, TOWN = 1, 2, 3, 4, 5
"""Values of the label raster; 0 means that nobody has labelled the pixel."""
REFLECTANCE = {
    # Blue, green, red and near infrared, times 10,000.
    WATER: (600, 550, 400, 250),
    FOREST: (300, 450, 300, 2800),
    ORCHARD: (300, 450, 300, 2800),
    FIELDS: (600, 900, 800, 2900),
    TOWN: (1200, 1300, 1400, 2200),
}


def smooth_noise(generator: np.random.Generator, sigma: float) -> np.ndarray:
    """Noise of mean 0 and standard deviation 1 whose patches are about `sigma` pixels wide; (SIDE, SIDE)."""
    noise = ndimage.gaussian_filter(generator.normal(size=(SIDE, SIDE)), sigma, mode="wrap")
    return (noise - noise.mean()) / noise.std()


def land_cover(generator: np.random.Generator) -> np.ndarray:
    """The true class of each pixel; (SIDE, SIDE), uint8."""
    cover = np.full((SIDE, SIDE), FIELDS, np.uint8)
    cover[smooth_noise(generator, 14) > 0.3] = FOREST
    cover[smooth_noise(generator, 14) > 0.8] = ORCHARD
    cover[smooth_noise(generator, 9) > 1.1] = TOWN
    rows, columns = np.indices((SIDE, SIDE))
    river = 0.5 * SIDE + 0.18 * SIDE * np.sin(columns / SIDE * 5) + 0.15 * (columns - SIDE / 2)
    cover[np.abs(rows - river) < 6 + 3 * np.sin(columns / 25)] = WATER
    cover[smooth_noise(generator, 8) < -2.0] = WATER
    return cover


def image_of(cover: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """What a satellite might see of it; (4, SIDE, SIDE), uint16."""
    bands = np.zeros((4, SIDE, SIDE))
    for value, spectrum in REFLECTANCE.items():
        bands[:, cover == value] = np.array(spectrum)[:, None]
    rows, columns = np.indices((SIDE, SIDE))
    # A field is bare or green as a whole; streets divide a town.
    parcels = generator.normal(size=(SIDE // 12 + 1, SIDE // 20 + 1))[rows // 12, columns // 20]
    bands[3] += np.where(cover == FIELDS, 700 * parcels, 0)
    bands[2] -= np.where(cover == FIELDS, 250 * parcels, 0)
    streets = (rows % 6 == 0) | (columns % 7 == 0)
    bands *= np.where((cover == TOWN) & streets, 0.55, 1.0)
    # Trees of a forest stand anywhere, those of an orchard in rows: both as bright and as varied, pixel by pixel.
    bands *= 1 + np.where(cover == FOREST, 0.15 * smooth_noise(generator, 1.2), 0)
    bands *= 1 + np.where(cover == ORCHARD, 0.21 * np.sin((rows + columns) * 2 * np.pi / 8), 0)
    bands *= 1 + np.where((cover == FOREST) | (cover == ORCHARD), 0.15 * generator.normal(size=(SIDE, SIDE)), 0)
    bands = ndimage.gaussian_filter(bands, (0, 0.5, 0.5))
    haze = 60 * smooth_noise(generator, 40)
    return np.clip(bands + haze + generator.normal(scale=60, size=bands.shape), 1, 10_000).astype(np.uint16)


def labels_of(cover: np.ndarray) -> np.ndarray:
    """The labels: the true class, but 0 along the edges of classes, where nobody can tell; (SIDE, SIDE), uint8."""
    edges = ndimage.maximum_filter(cover, 3) != ndimage.minimum_filter(cover, 3)
    return np.where(edges, 0, cover).astype(np.uint8)


def main() -> None:
    """Writes both files to the current folder."""
    generator = np.random.default_rng(7)
    cover = land_cover(generator)
    grid = {
        "driver": "GTiff",
        "height": SIDE,
        "width": SIDE,
        "crs": "EPSG:32632",
        "transform": Affine(10, 0, 690_000, 0, -10, 5_110_000),
        "compress": "deflate",
    }
    with rasterio.open("image.tif", "w", count=4, dtype="uint16", **grid) as file:
        file.write(image_of(cover, generator))
        file.descriptions = ("blue", "green", "red", "nir")
    with rasterio.open("labels.tif", "w", count=1, dtype="uint8", nodata=0, **grid) as file:
        file.write(labels_of(cover), 1)
        file.descriptions = ("landcover",)


if __name__ == "__main__":
    main()
