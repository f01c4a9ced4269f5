"""Calibration and evaluation data: what a user names, read in batches of model inputs."""
