"""The TensorFlow training package: `python -m trainer.task`."""
