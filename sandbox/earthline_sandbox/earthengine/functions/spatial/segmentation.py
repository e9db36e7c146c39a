"""Segmentation: seeds, clusters within cells, and superpixels.

https://developers.google.com/earth-engine/apidocs/ee-algorithms-image-segmentation-snic; Achanta and Süsstrunk (2017),
Superpixels and polygons using simple non-iterative clustering, https://doi.org/10.1109/CVPR.2017.520. Everything is
computed by blocks of a fixed lattice, so that a cluster is the same in every request that shows it.
"""

import heapq

import numpy as np

from earthline_sandbox.earthengine import computation
from earthline_sandbox.earthengine.functions.image.lattice import blockwise, index, numbers, one_band
from earthline_sandbox.earthengine.functions.spatial.connected import EIGHT, FOUR, components
from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.earthengine.pixels.grid import Grid, Projection
from earthline_sandbox.earthengine.pixels.pixels import BOOLEAN, DOUBLE, Array, Band, Pixels, PixelType
from earthline_sandbox.earthengine.pixels.shared import Shared, output_source
from earthline_sandbox.earthengine.values.values import Image
from earthline_sandbox.errors import invalid

_BLOCK = 256
# Superpixels grow pixel by pixel, so little is computed beyond what was asked for.
_SMALL_BLOCK = 128
_LARGEST = 1_024
_MOST_CLUSTERS = 1_000
# Labels tell blocks, or seeds, apart up to this many along each axis of the pixel plane.
_SIDE = 2**20
_PLANE = 2**26
_LABELS = PixelType("int", 0, 2**53 - 1)


def _check(name: str, argument: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise invalid(f"{name}: {argument} must be between {least} and {most}, not {value}.")


def _seeded(grid: Grid, size: int, hexagonal: bool) -> Array:
    """True at the seeds of a grid's pixel plane: the middles of squares, or every other row of them moved by half."""
    row, column = index(grid)
    rows, columns = np.arange(row, row + grid.shape[0])[:, None], np.arange(column, column + grid.shape[1])[None, :]
    shift = np.where(rows // size % 2 == 1, size // 2, 0) if hexagonal else 0
    found: Array = (rows % size == size // 2) & ((columns + shift) % size == size // 2)
    return found


@function("Image.Segmentation.seedGrid")
def seed_grid(size: int, grid_type: str) -> Image:
    """1 at seeds on a regular grid of pixels, 0 elsewhere."""
    name = "Image.Segmentation.seedGrid"
    _check(name, "size", size, 1, _LARGEST)
    if grid_type not in ("square", "hex"):
        raise invalid(f"{name}: gridType must be 'square' or 'hex', not '{grid_type}'.")

    def source(grid: Grid) -> Pixels:
        return Pixels(_seeded(grid, size, grid_type == "hex").astype("uint8"), np.broadcast_to(np.True_, grid.shape))

    return Image(bands=(Band("seeds", BOOLEAN, Projection(), source),))


def _read(name: str, image: Image, grid: Grid) -> tuple[Array, Array]:
    """(values of shape `(height, width, bands)`, where every band is wholly valid)."""
    read = [numbers(name, band, grid) for band in image.bands]
    values = np.stack([pixels.values.astype("float64") for pixels in read], axis=-1)
    valid = np.logical_and.reduce([pixels.mask == 1 for pixels in read]) & np.isfinite(values).all(axis=-1)
    return values, valid


@function("Image.Segmentation.KMeans")
def k_means(
    image: Image,
    num_clusters: int,
    num_iterations: int,
    neighborhood_size: int,
    grid_size: int | None,
    force_convergence: bool,
    unique_labels: bool,
) -> Image:
    """The cluster of every pixel, found anew in every cell of the grid, as band `clusters`."""
    name = "Image.Segmentation.KMeans"
    _check(name, "numClusters", num_clusters, 1, _MOST_CLUSTERS)
    _check(name, "numIterations", num_iterations, 1, 1_000)
    if grid_size and neighborhood_size:
        raise invalid(f"{name}: gridSize and neighborhoodSize are mutually exclusive.")
    side, margin = grid_size or _BLOCK, 0 if grid_size else neighborhood_size
    _check(name, "gridSize", side, 1, _LARGEST)
    _check(name, "neighborhoodSize", margin, 0, _LARGEST)
    band = one_band(name, image)

    def compute(grid: Grid) -> list[tuple[Array, Array]]:
        values, valid = _read(name, image, grid)
        labels = np.zeros(grid.shape, dtype=np.int64)
        if valid.any():
            found, converged = _lloyd(values[valid], num_clusters, num_iterations)
            if force_convergence and not converged:
                raise invalid(f"{name}: the clusters did not converge within {num_iterations} iterations.")
            labels[valid] = found
        if unique_labels:
            row, column = index(grid)
            cell = ((row + margin) // side % _SIDE) * _SIDE + (column + margin) // side % _SIDE
            labels += cell * num_clusters
        return [(labels, valid)]

    shared = Shared(blockwise(name, side, margin, compute))
    return image.with_bands([band.derived(output_source(shared, 0, _LABELS), _LABELS, "clusters")])


def _lloyd(spectra: Array, count: int, iterations: int) -> tuple[Array, bool]:
    """(cluster of each of the spectra, whether it stopped changing); starts from evenly spaced ones along their sum."""
    order = np.argsort(spectra.sum(axis=1), kind="stable")
    centres = np.unique(spectra[order[((np.arange(count) + 0.5) / count * len(order)).astype(int)]], axis=0)
    labels = np.full(len(spectra), -1)
    for _ in range(iterations):
        computation.check()
        nearest, best = np.zeros(len(spectra), dtype=np.int64), np.full(len(spectra), np.inf)
        for number, centre in enumerate(centres):
            away = ((spectra - centre) ** 2).sum(axis=1)
            closer = away < best
            nearest[closer], best[closer] = number, away[closer]
        if np.array_equal(nearest, labels):
            return labels, True
        labels = nearest
        sizes = np.bincount(labels, minlength=len(centres))
        for band in range(spectra.shape[1]):
            sums = np.bincount(labels, weights=spectra[:, band], minlength=len(centres))
            centres[:, band] = np.where(sizes > 0, sums / np.maximum(sizes, 1), centres[:, band])
    return labels, False


@function("Image.Segmentation.SNIC")
def snic(
    image: Image,
    size: int,
    compactness: float,
    connectivity: int,
    neighborhood_size: int | None,
    seeds: Image | None,
) -> Image:
    """Superpixels grown from seeds: band `clusters`, every band's mean as `band_mean`, and the `seeds` if made here."""
    name = "Image.Segmentation.SNIC"
    _check(name, "size", size, 1, _LARGEST)
    if connectivity not in (4, 8):
        raise invalid(f"{name}: connectivity must be 4 or 8, not {connectivity}.")
    if not compactness >= 0:
        raise invalid(f"{name}: compactness must not be negative, got {compactness}.")
    margin = 2 * size if neighborhood_size is None else neighborhood_size
    _check(name, "neighborhoodSize", margin, 0, _LARGEST)
    band = one_band(name, image)
    given = None if seeds is None else one_band(name, seeds)

    def compute(grid: Grid) -> list[tuple[Array, Array]]:
        values, valid = _read(name, image, grid)
        if given is None:
            marked = _seeded(grid, size, False)
        else:
            pixels = numbers(name, given, grid)
            marked = (pixels.mask > 0) & (pixels.values != 0)
        starts, count = components(
            np.zeros(grid.shape, dtype=np.int8), marked & valid, EIGHT if connectivity == 8 else FOUR
        )
        grown = _grown(values, valid, starts, count, compactness / size**2, connectivity)
        known = grown >= 0
        members = grown[known]
        sizes = np.maximum(np.bincount(members, minlength=count), 1)
        row, column = index(grid)
        firsts = np.zeros(count, dtype=np.int64)
        places = np.flatnonzero(starts.ravel() >= 0)[::-1]
        firsts[starts.ravel()[places]] = places
        codes = (firsts // grid.shape[1] + row) % _PLANE * _PLANE + (firsts % grid.shape[1] + column) % _PLANE
        results = [(_spread(codes, grown), known)]
        for place in range(values.shape[2]):
            sums = np.bincount(members, weights=values[..., place][known], minlength=count)
            results.append((_spread(sums / sizes, grown), known))
        return [*results, (marked.astype("uint8"), marked)]

    shared = Shared(blockwise(name, _SMALL_BLOCK, margin, compute))
    made = [band.derived(output_source(shared, 0, _LABELS), _LABELS, "clusters")]
    for place, own in enumerate(image.bands):
        made.append(own.derived(output_source(shared, place + 1, DOUBLE), DOUBLE, f"{own.name}_mean"))
    if given is None:
        made.append(band.derived(output_source(shared, len(made), BOOLEAN), BOOLEAN, "seeds"))
    return image.with_bands(made)


def _spread(values: Array, objects: Array) -> Array:
    """The value of every pixel's object; 0 where it has none."""
    return np.append(values, np.zeros(1, values.dtype))[objects]


def _grown(values: Array, valid: Array, starts: Array, count: int, spatial: float, connectivity: int) -> Array:
    """The seed that every pixel belongs to, -1 where none reaches: the nearest pixel joins first, and moves its centre.

    Args:
        values: Shape `(height, width, bands)`.
        valid: Pixels that may belong to a seed.
        starts: Number of the seed at its pixels, -1 elsewhere.
        count: Number of seeds.
        spatial: What a squared pixel of distance counts beside a squared difference of values.
        connectivity: 4 or 8 neighbours.
    """
    height, width = valid.shape
    wide = width + 2
    # A rim that belongs to nobody spares a test for the edges.
    open_ = np.pad(valid, 1).ravel().tolist()
    spectra: list[list[float]] = np.pad(values, ((1, 1), (1, 1), (0, 0))).reshape(-1, values.shape[2]).tolist()
    labels = [-1] * len(open_)
    steps = (1, -1, wide, -wide, wide + 1, wide - 1, -wide + 1, -wide - 1)[:connectivity]
    sums = [[0.0] * (values.shape[2] + 2) for _ in range(count)]
    sizes = [0] * count
    heap: list[tuple[float, int, int, int]] = []
    for order, (row, column) in enumerate(np.argwhere(starts >= 0).tolist()):
        heap.append((0.0, order, (row + 1) * wide + column + 1, int(starts[row, column])))
    heapq.heapify(heap)
    pushed, popped = len(heap), 0
    while heap:
        _, _, place, seed = heapq.heappop(heap)
        popped += 1
        if not popped % 65_536:
            computation.check()
        if labels[place] >= 0:
            continue
        labels[place] = seed
        row, column = divmod(place, wide)
        total, sizes[seed] = sums[seed], sizes[seed] + 1
        for position, part in enumerate((row, column, *spectra[place])):
            total[position] += part
        members = sizes[seed]
        centre = [part / members for part in total]
        for step in steps:
            other = place + step
            if open_[other] and labels[other] < 0:
                row, column = divmod(other, wide)
                away = spatial * ((row - centre[0]) ** 2 + (column - centre[1]) ** 2)
                for position, part in enumerate(spectra[other], 2):
                    away += (part - centre[position]) ** 2
                heapq.heappush(heap, (away, pushed, other, seed))
                pushed += 1
    return np.array(labels).reshape(height + 2, wide)[1:-1, 1:-1]
