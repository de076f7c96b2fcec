"""Kernels of the asynchronous engine."""
