"""Network and chip to mapped network. Empty so far: no chip is modelled yet."""
