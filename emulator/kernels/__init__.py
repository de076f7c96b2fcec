"""Compiled kernels: pure functions on arrays, each with a readable numpy twin in the tests."""
