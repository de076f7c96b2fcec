"""Reports of studies: convergence, following, gradients, sweeps."""
