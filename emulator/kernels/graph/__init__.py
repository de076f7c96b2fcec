"""Graphs of spiking populations as kernels run them."""
