"""The driver: from a model and calibration data to a checked, written program."""
