"""What a run teaches: the contrast of phases, descent, and the writes of a chip that learns."""
