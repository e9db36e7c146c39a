"""The architectures, one file each: its options, stride, receptive field and layers.

Keras is imported where layers are built and not before: whoever checks a config reads the options alone.
"""

from earthline.config.model import FACTORY

MODELS = {
    "auto": "trainer.models.auto:Auto",
    "context_unet": "trainer.models.context_unet:ContextUNet",
    "distilled": "trainer.models.distilled:Distilled",
    "ensemble": "trainer.models.ensemble:Ensemble",
    "fcn": "trainer.models.fcn:Fcn",
    "file": "trainer.models.file:File",
    "gradient_boosting": "trainer.models.gradient_boosting:GradientBoosting",
    "linear": "trainer.models.linear:Linear",
    FACTORY: "trainer.models.factory:Factory",
    "pixel_mlp": "trainer.models.pixel_mlp:PixelMlp",
    "random_forest": "trainer.models.random_forest:RandomForest",
    "residual": "trainer.models.residual:Residual",
    "symmetric": "trainer.models.symmetric:Symmetric",
    "temporal": "trainer.models.temporal:Temporal",
    "unet": "trainer.models.unet:UNet",
}
"""The registry: the name in `train.model.name`, and the class. The entry point `earthline.models` names it."""
