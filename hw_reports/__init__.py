"""Reports of spikes, memory, energy and time. Empty so far: no chip is modelled yet."""
