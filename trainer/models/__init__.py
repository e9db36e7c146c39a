"""The architectures, one file each: its options, stride, receptive field and layers.

Keras is imported where layers are built and not before: whoever checks a config reads the options alone.
"""

MODELS = {
    "pixel_mlp": "trainer.models.pixel_mlp:PixelMlp",
    "unet": "trainer.models.unet:UNet",
}
"""The registry: the name in `train.model.name`, and the class. The entry point `earthline.models` names it."""
