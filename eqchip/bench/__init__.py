"""Benchmarks of the engines, and of others beside them."""
