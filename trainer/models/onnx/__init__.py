"""ONNX files of segmentation networks, which become Keras models of the same numbers (decision 0025)."""
