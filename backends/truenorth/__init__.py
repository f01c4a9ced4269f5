"""Target truenorth: integer networks as maps of binary-crossbar cores."""
