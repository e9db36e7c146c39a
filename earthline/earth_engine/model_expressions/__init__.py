"""Models as Earth Engine expressions: the network, the function from an image to its map, and the proof of both."""
