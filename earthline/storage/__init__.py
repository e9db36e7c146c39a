"""Cloud Storage: folders and single objects on this machine."""
