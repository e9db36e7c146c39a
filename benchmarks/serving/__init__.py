"""The prediction server beside its limits and beside other servers of the same model."""
