"""What every diagnostic of the frontend means, for `snnc explain`."""

from __future__ import annotations

CODES: dict[str, str] = {
    "SN600": (
        "The model file cannot be read: it does not exist, is a folder, or its permissions "
        "forbid it. Check the path."
    ),
    "SN601": (
        "The file is not an ONNX model. An ONNX file is a protobuf message that starts with "
        "its IR version and holds a graph; this one does not. Formats such as .pt, .h5 or "
        ".tflite must be exported to ONNX first (torch.onnx.export, tf2onnx)."
    ),
    "SN602": (
        "The file is an ONNX model that was cut off or damaged: a field claims more bytes "
        "than the file holds, or its contents do not parse. An interrupted download or a Git "
        "LFS pointer are the usual reasons. Copy, download or export it again."
    ),
    "SN603": (
        "The graph has no nodes and no outputs, or no input, so there is nothing to convert."
    ),
    "SN604": (
        "The model keeps weights in a file of their own (external data), and that file is "
        "missing, shorter than the model says, or lies outside the model's folder. The last "
        "is refused for safety: a model must not read other files of this machine. Keep the "
        "data file beside the model."
    ),
    "SN605": (
        "The graph is cyclic, or its nodes are not in order: a node reads what only a later "
        "node (or itself) computes. ONNX requires sorted, acyclic graphs. Loops of recurrent "
        "networks cannot be converted."
    ),
    "SN606": (
        "A node or an output reads a tensor that nothing defines: it is no input, no "
        "initializer and no node's output. Usually the model was exported without its "
        "weights."
    ),
    "SN607": (
        "Weights hold NaN or infinite values, so every result would be NaN. The training run "
        "diverged; no conversion can repair that. (A single infinite number is allowed: "
        "exporters write the open bound of a Clip that way.)"
    ),
    "SN608": (
        "An input has an unknown or dynamic size in an axis other than the batch axis. A "
        "spiking network has one neuron per position, so sizes must be known. Export with a "
        "fixed height and width."
    ),
    "SN609": (
        "An input has integers (or 16-bit numbers) as elements. Networks are converted from "
        "float32 inputs; put the conversion in front of the model."
    ),
    "SN610": (
        "The data of a tensor does not fit its declared shape and element type, so the file "
        "is damaged or was written by a faulty tool. Sparse initializers, which cannot be read, "
        "and sizes beyond any tensor's have this code too."
    ),
    "SN611": (
        "The model uses an operator set that is too old (before 7), or that onnx's version "
        "converter cannot raise. Export the model again with a current opset."
    ),
    "SN612": (
        "A step of onnx or onnxscript (inlining functions, folding constants, inferring "
        "shapes) failed on this model; the message names the step. The model is most likely "
        "invalid: onnx.checker.check_model tells more."
    ),
    "SN613": (
        "onnxruntime, which snnc compares every import with, refuses the model or fails on "
        "the data. Operators of other domains, element types that it does not know, and opsets "
        "newer than the installed onnxruntime are the usual reasons; install a newer one, or "
        "export with opset 21."
    ),
    "SN614": (
        "The import gate failed: a population of the imported network does not have the value "
        "that onnxruntime computes for its tensor, to 1e-4 of the layer's largest value. "
        "Quantised activations must be on onnxruntime's level; one level beside it is allowed "
        "only where the summed input lies within a thousandth of a step of a rounding edge. The "
        "message names the first layer that differs by its ONNX node. This is a fault of snnc, "
        "and nothing was compiled."
    ),
    "SN615": (
        "onnxruntime itself computes NaN or infinity in a layer, so nothing can be compared. "
        "Give calibration data in the model's real range, or check the weights."
    ),
    "SN616": (
        "The samples given for the import gate do not have the shape of the network's input."
    ),
    "SN617": (
        "The metadata of the model has an entry `snnc.ttfs`, which names the kernels of "
        "activations that were trained as spike times, and it cannot be read: it is no JSON "
        "object, has an unknown key or a value of the wrong type, or a number is out of range. It "
        "holds `window` (steps, 2 to 4096), `rounding` (`round`, which is the default, or "
        "`ceil`), and `kernels` and `inputs`: by name of a Relu node or of an input its `tau` "
        "(above 0), `delay` (default 0) and `threshold` (above 0, default 1)."
    ),
    "SN618": (
        "The metadata entry `snnc.ttfs` names a node or an input that the model does not have, or "
        "a node that is no Relu. Nodes without a name in the file are called after their operator "
        "and place, as Relu_3; `snnc inspect` lists them."
    ),
    "SN620": (
        "A node of the graph cannot be converted. The message says why, the help what to do "
        "about it. Every such node of a model is listed, in graph order; nodes that could not "
        "be judged because they depend on one of these are only counted."
    ),
    "SN621": (
        "The summary of a refused model: how many nodes can be converted, and which share of "
        "its multiply-accumulates these hold."
    ),
}
"""Code to explanation."""
