"""Maps of images on this machine: the tiles of `Model.predictImage`, out of files, predicted here or by an endpoint."""
