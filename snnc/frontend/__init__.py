"""ONNX in: reading, checking, normalising and lowering a model, and proving the result."""
