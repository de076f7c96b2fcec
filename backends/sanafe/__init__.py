"""A mapped network on SANA-FE, in a process of its own."""
