"""Target loihi: programs for Lava, and whether a network fits on a Loihi chip."""
