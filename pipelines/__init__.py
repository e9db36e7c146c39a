"""The workflow as DAGs: how they are compiled, submitted and followed."""
