"""Spiking networks of any shape: units, populations, projections, and what is fed to them."""
