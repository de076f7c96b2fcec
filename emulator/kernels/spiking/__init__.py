"""Kernels of the rules that train integrate-and-fire units."""
