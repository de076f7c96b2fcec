"""Studies of the emulated dynamics."""
