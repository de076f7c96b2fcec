"""eqchip: a neuromorphic chip emulator that trains itself by Equilibrium Propagation."""
