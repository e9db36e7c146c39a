"""Speed, requests and memory of exports: `python -m benchmarks export_speed`, and the others likewise."""
