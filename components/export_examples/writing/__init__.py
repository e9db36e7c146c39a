"""What an export leaves: examples, shards and the manifest."""
