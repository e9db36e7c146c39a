"""A reader of exported examples for whoever trains elsewhere, as NumPy, tf.data or PyTorch.

`open(folder)` gives a `Dataset`, whose splits give samples. A sample is a dictionary with these keys:

- `image`: the imagery, 0 where it is masked;
- `mask`: the label of each pixel (torchgeo's name for it), `Dataset.no_label` where there is none;
- `valid`: True where every band of the imagery is valid;
- `row`, `column`: the patch's first pixel on `Dataset.grid`; missing where the files do not hold them.

Bands are last for NumPy and TensorFlow and first for PyTorch. Neither TensorFlow nor PyTorch is loaded before somebody
asks for a split in its form.
"""

from earthline.datasets.dataset import Dataset, DatasetError, open
from earthline.datasets.split import Split

__all__ = ["Dataset", "DatasetError", "Split", "open"]
