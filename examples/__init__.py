"""Bundled examples: a trained network and images that `snnc demo` and the tests use.

Read them with `importlib.resources.files("snnc.examples") / "mnist" / "model.onnx"`, which works
from a checkout and from an installed wheel alike.
"""
