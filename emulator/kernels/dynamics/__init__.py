"""Kernels of balanced layers."""
