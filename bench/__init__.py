"""Benchmarks and accuracy tables: run with `make bench` and `make accuracy`."""
