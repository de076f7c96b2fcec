"""Rules that train a network of integrate-and-fire units by the spikes that it sends."""
