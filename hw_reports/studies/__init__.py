"""Reports of studies: convergence, gradients, sweeps."""
