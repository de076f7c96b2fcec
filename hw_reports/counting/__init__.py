"""What was done: samples run again on the emulated chip, and counted."""
