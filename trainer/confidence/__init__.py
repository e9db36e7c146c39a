"""What is learned beside the map, so that a map can say where it is to be believed."""
