"""The dynamics as dense algebra over a batch: what the speed of the engine is measured against."""
