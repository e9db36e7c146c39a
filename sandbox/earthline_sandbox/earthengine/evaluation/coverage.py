"""What of Earth Engine is implemented, as the page COVERAGE.md.

`python -m earthline_sandbox.earthengine.evaluation.coverage` writes it.

The page is made of the registry and of the signatures in the installed client, so it cannot say more than there is.
"""

import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from earthline_sandbox.earthengine import functions as functions  # registers every implementation
from earthline_sandbox.earthengine.language import registry

PAGE = Path(__file__).parents[1] / "COVERAGE.md"

_HEAD = """\
# What this Earth Engine implements

Written by `python -m earthline_sandbox.earthengine.evaluation.coverage`; a test fails where it is not current. A
function that is not implemented answers 400 and is named in the message. The signatures are
those of the installed `earthengine-api`.
"""

#: Known deviations from Google's Earth Engine, by class; the empty key holds those of everything.
DEVIATIONS: Mapping[str, Sequence[str]] = {
    "": (
        "Geodesic edges are great circles on a sphere. An edge that is moved to other coordinates keeps its course "
        "within about a metre, whatever `maxError` says; what Google allows by default is not documented.",
        "Random draws (`random`, `randomPoints`, `sample`, `stratifiedSample`, `randomColumn`) are seeded and "
        "repeatable, but are not Google's numbers.",
        "The range of a result's `PixelType` may be wider or narrower than Google's where that is not documented.",
        "Arguments named below as taken without effect change only how Google's servers divide the work, or an error "
        "margin.",
        "`computePixels` in `TF_RECORD_IMAGE` answers one record with one Example of the whole grid, a list per band, "
        "as in exports; Google names the format and documents no more.",
        "Cloud Storage and Google Drive are folders of the sandbox; sharing, quotas of assets and billing do not "
        "exist.",
    ),
    "Array": (
        "Google documents no rule for arrays of other lengths in arithmetic: here a number, or an axis of length 1, is "
        "repeated, and all else is an error. Where Google's text of an error is not known, it is the sandbox's own.",
        "Integers without a type are 64 bits wide; the types of results are those that images have.",
        "`eigen` and the decompositions are LAPACK's; Google uses EJML, which may choose other signs, and order equal "
        "eigenvalues otherwise. U and V of the singular values and Q are square.",
        "`bitsToArray` begins with the lowest bit; Google's examples read the same both ways.",
        "`reduce` of an axis of length 0 is an error where the reducer has no value for nothing.",
    ),
    "Classifier": (
        "scikit-learn learns: forests, trees and neighbours are not Google's (Smile), so that numbers differ; they are "
        "seeded and repeatable. A bag of a forest is drawn with replacement, and forests average the shares of leaves.",
        "`PROBABILITY` with two classes is the probability of the greater one; with more, that of the winning one.",
        "`MULTIPROBABILITY` is ordered by class. `importance` of forests and trees is the sum of what splits lower "
        "the impurity by, weighted by samples; Google's scale is not documented.",
        "`smileNaiveBayes` is multinomial; where a count is negative, samples are left out and pixels masked.",
        "`libsvm` with the decision procedure `Margin` counts votes, and breaks ties by margins.",
        "`amnhMaxent` solves the published problem with the program's default regularization, 24 knots for the "
        "hinges and thresholds of each input, and no test points; where it may not extrapolate, pixels are masked.",
        "Exported classifiers keep their samples, and learn the same again once loaded; any kind can be exported.",
        "A feature without a number in a property that a classifier needs is an error, in training and after; so are "
        "classes that are no whole numbers.",
    ),
    "Clusterer": (
        "scikit-learn learns: numbers of clusters and their borders differ from Weka's; they are seeded and "
        "repeatable. Inputs are scaled to their range in the samples, as Weka's distances do.",
        "Distances are Euclidean; others are refused by name, as are `wekaCobweb` and k-means from canopies.",
        "`wekaLVQ` moves its centres once an epoch by the mean of their samples.",
    ),
    "Collection": (
        "`distance` takes a degree of longitude as long as it is at the pixel's latitude, and a straight line in "
        "degrees between two points.",
        "`reduceToImage` counts every feature that covers half a percent of a pixel or more, with a weight of 1; "
        "Google does not document a weight.",
        "`style` and `draw` do not smooth edges, take `pointSize` as a radius and draw every line solid.",
    ),
    "ConfusionMatrix": (
        "Consumer's accuracy goes by columns (predicted) and producer's by rows (actual), as their names and Google's "
        "examples say; the one-line descriptions in the signatures have rows and columns exchanged.",
        "A class that does not occur has accuracies of 0.",
    ),
    "Date": (
        "The long name of a time zone (`zzzz`) is refused but for UTC. Times that clocks leave out are no "
        "dates; of two that they show, the first counts.",
    ),
    "FeatureCollection": (
        "Tables are read whole; there is no spatial index, so that a filter by bounds reads every feature.",
        "`maxVertices` of an export has no effect. A shapefile keeps 254 bytes of a text, has no null text and writes "
        "truth values as 1 and 0; beside it lie .shx, .dbf, .prj and .cpg, and no .fix.",
        "`kriging` is ordinary kriging; the exponential and gaussian semivariograms reach 1 - 1/e of the sill at "
        "`range`. Google's formulas are not documented.",
        "`inverseDistance` weights by 1/distance and moves towards `mean` by (1 - nearest distance / range) to "
        "the power of `gamma`; Google documents neither, and `stdDev` has no effect here.",
    ),
    "Functions of no class": (
        "CannyEdgeDetector thins the gradient along its direction and cuts it at the threshold, in units per "
        "pixel, without hysteresis.",
        "HoughTransform gives each pixel the votes of the strongest line through it, over 180 directions and "
        "whole pixels of distance; Google documents neither its resolution nor its values.",
        "CrossCorrelation gives shifts in pixels, as bands `deltaX`, `deltaY`, `distance` and `correlation`; "
        "Google does not document names or units.",
    ),
    "Geometry": (
        "`bounds` over the antimeridian goes on beyond 180 degrees; other results over it are cut there in two. What "
        "Google gives there is not documented.",
        "Geodesic edges go the short way round; a shape of 360 degrees of longitude or more is read as planar.",
        "Area and length are measured on the WGS84 ellipsoid; nearest points are looked for in a plane around them.",
    ),
    "Image": (
        "Array pixels of several lengths go through `array…` and `matrix…` functions, arithmetic, masks, `clip`, "
        "`reproject` and samples; elsewhere, and in files, arrays must have the same shape.",
        "A pixel is masked where an array function has nothing left of it: the mean of an axis of length 0, or a "
        "projection that drops one. A singular matrix fails `matrixInverse` for the whole image.",
        "`matrixMultiply`, `matrixInverse` and `matrixPseudoInverse` of 32-bit floats keep 64 bits until the result is "
        "taken apart into numbers.",
        "Overviews are made of two by two pixels of the level below, counted from the asset's first pixel; Google's "
        "levels are aligned to its own tiles, so that pixels far out may differ. The level is chosen by nominal scale.",
        "`random` gives the same number for the same place and seed, but not Google's.",
        "`fastDistanceTransform` gives the largest distance of the neighbourhood where no pixel is near; what Google "
        "gives there is not documented.",
        "`reduceResolution` counts the input pixels by the nominal scales; what Google counts against `maxPixels`"
        " is not documented. Corners of output pixels are joined by straight lines in the input's plane.",
        "`resample` and `displace` mask a pixel where one of the four or sixteen that it is interpolated from is "
        "masked; bicubic is cubic convolution with a = -0.5. Google documents neither.",
        "`zeroCrossing` marks the one of two neighbours that is nearer to 0, and what is 0; Google does not "
        "document which.",
        "`gradient` is per metre and `derivative` per pixel, from the pixels at both sides; Google documents the "
        "kernel of neither.",
        "`connectedComponents` counts `maxSize` in pixels and masks larger objects in every band; labels are made"
        " of the place of an object's first pixel and are not Google's numbers.",
        "`distance` without a kernel looks 100 pixels far, and is masked where the kernel holds no pixel; neither"
        " is documented.",
        "`directionalDistanceTransform` goes from pixel to pixel along the axis that the direction is nearest to;"
        " a pixel that sees none is masked.",
        "`cumulativeCost` takes one band of costs, pays for half of each of two neighbouring pixels, and looks at"
        " most 640 pixels around blocks of 256.",
        "`rsedTransform` is 0 where no parabola rises above it.",
        "`reduceToVectors` makes a MultiPolygon of what hangs together by a corner only; its pixels are those "
        "whose centres lie in the region, whole.",
        "`glcmTexture` takes pairs that lie within the window in both orders, logarithms to base e and the sum "
        "variance about the sum average; it masks what has a masked pixel in its window, and gives 0 where a "
        "metric is not defined and for `maxcorr`, which Google does not compute either. With `average` off, names"
        " end in `_x_y`.",
        "`rgbToHsv` and `hsvToRgb` cut their input to the range from 0 to 1; the colours of `randomVisualizer` "
        "are not Google's.",
        "`spectralErosion`, `spectralDilation` and `spectralGradient` give the least and the greatest distance "
        "under the kernel and their difference as one band `distance`; what Google gives is described by its "
        "paper alone. `emd` adds up the differences of cumulative sums, without normalization.",
        "`unmix` with `nonNegative` takes at most 10 endmembers, and tries every subset of them.",
        "`Segmentation.KMeans` without `gridSize` works on blocks of 256 pixels and starts from evenly spaced "
        "pixels, `Segmentation.SNIC` on blocks of 128 with its neighbourhood as a margin; cluster ids and seeds "
        "are not Google's numbers, and the weight of `compactness` is that of the paper's squared distances over "
        "`size` squared.",
        "`displacement` finds whole pixels of the coarser image, in the reference's CRS alone, by the correlation"
        " of patches (four times `maxOffset` wide where none is given); it takes no notice of `stiffness`.",
        "`sldStyle` reads channels, gamma and colour maps; the contrast enhancements Histogram and Normalize are "
        "refused by name, and a channel without one is shown from 0 to 255.",
    ),
    "ImageCollection": (
        "`mosaic` counts a partly transparent pixel of the topmost image whole; Google blends it.",
        "`toArray` and `toArrayPerBand` mask a pixel where no image is valid; whether Google gives an empty array "
        "there is not documented.",
    ),
    "Join": ("The measure of an `and` of conditions is that of the first that has one.",),
    "Kernel": (
        "Weights are those of Google's examples: distances fill their square beyond the radius, and `gaussian` has no "
        "pixel as far from the middle as the radius, so that a radius of 3 gives 5 by 5.",
        "`getInfo` shows the call, the weights and the centre; what names Google gives them is not documented.",
    ),
    "Landsat": (
        "`simpleComposite` chooses the `maxDepth` least cloudy scenes of the whole collection by `CLOUD_COVER`; Google "
        "chooses them per path and row.",
        "`simpleCloudScore` has the indicators and thresholds of Google's guide; Google does not publish its code.",
        "`TOA` reads the coefficients from the scene's properties, under the names of Collection 2 metadata.",
        "`pathRowLimit` takes the least `CLOUD_COVER` as the best, and chooses once for the whole collection.",
    ),
    "Model": (
        "`fromAiPlatformPredictor` answers that its backend was shut down, and names `fromVertexAi`.",
        "Tiles lie on a lattice of the input projection, anchored at its origin; where Google's lattice starts is not "
        "documented.",
        "The gRPC payload formats reach the model by `directRawPredict`. How tiles lie in such a request is not "
        "documented: `sandbox readings` chooses. An Example has no shape: a model must know that of its tiles.",
        "Google's texts disagree on `inputOverlapSize` (in all, or along each edge) and on whether `predictImage` "
        "keeps the image's bands: `sandbox readings` chooses. How many tiles go into one request is not documented: "
        "here as many as request and answer have room for, after the first.",
        "`predictProperties` sends one number as a tensor of shape [1]; what Google sends without `inputShapes` is not "
        "documented.",
    ),
    "Reducer": (
        "`percentile`, `median`, `mode` and `intervalMean` are exact unless `maxRaw` is given and exceeded; Google "
        "takes a histogram of many values by default. Weights do not move percentiles.",
        "Buckets of `histogram` and `autoHistogram` start at a multiple of their width, which is a power of two times "
        "the least width, 1/1024 by default.",
        "`skew` and `kurtosis` are moments of the values themselves, without a correction for samples; `kurtosis` is "
        "0 for a normal distribution. `covariance` divides by the number of arrays.",
        "`ridgeRegression` penalizes the coefficients of standardized independents; its `pValue` is that of the F "
        "test.",
        "`robustLinearRegression` without `beta` leaves out residuals beyond 2.795 times 1.4826 times their median.",
        "`sensSlope` gives as offset the median of what the slope leaves. The p-value of `kendallsCorrelation` is "
        "that of the normal approximation without ties; users report that Google's is masked for images.",
        "`sensSlope` pairs at most 5,000 points.",
        "Not documented, and chosen here: the names `median`, `median1`, … of `geometricMedian` and `histogram`, "
        "`xAxis`, `yAxis` of `fixed2DHistogram` (x first); that inputs of `splitWeights` alternate between value and "
        "weight.",
        "Dictionaries and lists of them (`histogram`, `frequencyHistogram`, `group`, `repeat`) cannot be pixels.",
    ),
    "Sentinel2": (
        "`CDI` averages B8 to the pixels of B8A and takes variances in windows of 7 by 7 pixels, as its paper "
        "does; Google does not publish its code.",
    ),
    "String": (
        "Regular expressions are RE2's, which Google's examples need; Google does not name the dialect. They look "
        "neither ahead nor behind.",
    ),
    "Terrain": (
        "Degrees are measured on a sphere and Mercator's scale grows with latitude; in every other projection a "
        "unit of the CRS counts as true to the ground.",
        "`aspect` is 0 where the surface is flat, and `hillshade` rounds to the nearest whole number; neither is "
        "documented.",
        "`hillShadow` sees as far as `neighborhoodSize`, so that its default of 0 shows no shadow; rays are "
        "straight in every projection; it takes no notice of `hysteresis`.",
        "`fillMinima` works on blocks of 256 pixels with the neighbourhood as their margin; where no "
        "`borderValue` is given, water runs off at the rim of that.",
    ),
}


def page() -> str:
    """The whole page as Markdown."""
    signatures, implemented = registry.signatures(), registry.implementations()
    classes: dict[str, list[str]] = defaultdict(list)
    for name in sorted(signatures):
        classes[class_of(name)].append(name)
    lines = [_HEAD, f"**{len(implemented)} of {len(signatures)} server functions.**", ""]
    lines += ["## Deviations of everything", "", *(f"- {text}" for text in DEVIATIONS[""]), ""]
    lines += ["## Classes", "", "| class | implemented | of |", "|---|---:|---:|"]
    for name in sorted(classes):
        done = sum(member in implemented for member in classes[name])
        lines.append(f"| {name} | {done} | {len(classes[name])} |")
    for name in sorted(classes):
        done_names = [member for member in classes[name] if member in implemented]
        missing = [member for member in classes[name] if member not in implemented]
        lines += ["", f"## {name}", ""]
        if done_names:
            lines += [f"Implemented: {', '.join(_shown(member) for member in done_names)}.", ""]
        if missing:
            lines += [f"Not implemented: {', '.join(_shown(member) for member in missing)}.", ""]
        ignored = [
            f"`{_short(member)}` ({', '.join(sorted(implemented[member].ignored))})"
            for member in done_names
            if implemented[member].ignored and member != "Model.fromAiPlatformPredictor"
        ]
        if ignored:
            lines += [f"Taken without effect: {', '.join(ignored)}.", ""]
        lines += [f"- {text}" for text in DEVIATIONS.get(name, ())]
        if lines[-1] == "":
            lines.pop()
    return "\n".join(lines).rstrip() + "\n"


def class_of(name: str) -> str:
    """The class that a server function is shown under."""
    return name.split(".", 1)[0] if "." in name else "Functions of no class"


def _short(name: str) -> str:
    return name.split(".", 1)[-1]


def _shown(name: str) -> str:
    return f"`{_short(name)}`"


def main() -> int:
    """Writes the page."""
    PAGE.write_text(page(), encoding="utf-8")
    print(f"{PAGE.name}: {len(registry.implementations())} of {len(registry.signatures())} server functions.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
