"""Target c: integer networks as plain C11 that does work only where spikes are."""
