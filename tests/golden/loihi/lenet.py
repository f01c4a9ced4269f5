# /// script
# requires-python = ">=3.10,<3.11"
# dependencies = ["lava-nc==0.10.0", "numpy>=1.24.4,<2"]
# ///
"""Spiking network lenet for Lava 0.10.0, compiled by snnc.

383 neurons in 5 layers; a sample takes 14 time steps. A spike takes one step per synapse, so the
last layer runs 5 steps late.

Stock processes of Lava: Conv, Dense. Processes of snn_processes.py, whose models are Python: IF,
Integrator, RunningMax, and around the network SpikeSource. ReadOut, Recorder and Exit of
snn_readout.py tell what it does.

Verified: weights have 8 bits and no current leaves 24 for any input that is let in; `--check` runs
the samples of golden/ in Lava and compares every spike with the reference simulator of snnc. Lava
simulates on the CPU. No Loihi chip has run this program; chips need Intel's lava-loihi, and the
neurons of snn_processes.py in microcode.

    python program.py --check          replays golden/ and compares every spike
    python program.py --input x.npy    runs samples: floats as the ANN takes them, or whole
    python program.py --help           says more

`uv run program.py --check` makes the environment by itself.
"""

from __future__ import annotations

from lava.magma.core.decorator import implements
from lava.magma.core.model.sub.model import AbstractSubProcessModel
from lava.magma.core.process.ports.ports import InPort, OutPort
from lava.magma.core.process.process import AbstractProcess
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol
from lava.proc.conv.process import Conv
from lava.proc.dense.process import Dense

from snn_cli import main
from snn_processes import IF, Integrator, RunningMax
from snn_run import Program

STEPS = 14
"""Time steps of a sample in every layer."""

WINDOW = 14
"""In how many of them input and bias act."""


class Network(AbstractProcess):
    """Inputs come in; the spikes of every layer, of integrators the potentials, go out.

    Shapes are Lava's: (width, height, channels).
    """

    def __init__(self, *, weights, steps=STEPS, window=WINDOW, name="network"):
        super().__init__(weights=weights, steps=steps, window=window, name=name)
        self.image = InPort(shape=(8, 9, 2))
        self.conv1 = OutPort(shape=(8, 9, 4))
        self.pool1 = OutPort(shape=(4, 4, 4))
        self.conv2 = OutPort(shape=(3, 1, 6))
        self.fc1 = OutPort(shape=(9,))
        self.out = OutPort(shape=(4,))


@implements(proc=Network, protocol=LoihiProtocol)
class NetworkModel(AbstractSubProcessModel):
    """The layers: synapses, neurons, and the wires between them."""

    def __init__(self, proc):
        w = proc.proc_params["weights"]
        clock = {"steps": proc.proc_params["steps"], "window": proc.proc_params["window"]}

        # image (2, 9, 8) -> conv1 (4, 9, 8); ONNX "/conv1/Conv", "/conv1/Relu"
        self.conv1_from_image = Conv(
            weight=w["conv1_from_image"], input_shape=(8, 9, 2), padding=(1, 1), num_message_bits=4
        )
        self.conv1 = IF(
            shape=(8, 9, 4),
            vth=900,
            bias=w["conv1.bias"],
            v_init=450,
            start=1,
            **clock,
            name="conv1",
        )
        proc.image.connect(self.conv1_from_image.s_in)
        self.conv1_from_image.a_out.connect(self.conv1.a_in)
        self.conv1.s_out.connect(proc.conv1)

        # conv1 (4, 9, 8) -> pool1 (4, 4, 4); ONNX "/pool1/Conv", "/pool1/Relu"
        self.pool1 = RunningMax(
            shape=(4, 4, 4),
            in_shape=(8, 9, 4),
            kernel=(2, 2),
            stride=(2, 2),
            start=2,
            **clock,
            name="pool1",
        )
        self.conv1.s_out.connect(self.pool1.s_in)
        self.pool1.s_out.connect(proc.pool1)

        # pool1 (4, 4, 4) -> conv2 (6, 1, 3); ONNX "/conv2/Conv", "/conv2/Relu"
        self.conv2_from_pool1 = Conv(
            weight=w["conv2_from_pool1"], input_shape=(4, 4, 4), stride=(1, 2), num_message_bits=2
        )
        self.conv2 = IF(
            shape=(3, 1, 6),
            vth=120,
            bias=w["conv2.bias"],
            v_init=60,
            start=3,
            **clock,
            name="conv2",
        )
        self.pool1.s_out.connect(self.conv2_from_pool1.s_in)
        self.conv2_from_pool1.a_out.connect(self.conv2.a_in)
        self.conv2.s_out.connect(proc.conv2)

        # conv2 (6, 1, 3) -> fc1 (9,); ONNX "/fc1/Conv", "/fc1/Relu"
        self.fc1_from_conv2 = Dense(
            weights=2 * w["fc1_from_conv2"], weight_exp=-1, num_message_bits=1
        )
        self.fc1 = IF(shape=(9,), vth=200, start=4, **clock, name="fc1")
        self.conv2.s_out.transpose((2, 1, 0)).flatten().connect(self.fc1_from_conv2.s_in)
        self.fc1_from_conv2.a_out.connect(self.fc1.a_in)
        self.fc1.s_out.connect(proc.fc1)

        # fc1 (9,) -> out (4,); ONNX "/out/Conv", "/out/Relu"
        self.out_from_fc1 = Dense(weights=2 * w["out_from_fc1"], weight_exp=-1, num_message_bits=1)
        self.out = Integrator(
            shape=(4,), bias=w["out.bias"], v_init=3, start=5, **clock, name="out"
        )
        self.fc1.s_out.connect(self.out_from_fc1.s_in)
        self.out_from_fc1.a_out.connect(self.out.a_in)
        self.out.v_out.connect(proc.out)


PROGRAM = Program(
    name="lenet",
    network=Network,
    inputs={
        "image": {
            "port": "image",
            "shape": (2, 9, 8),
            "coding": "graded",
            "range": (0, 15),
            "step": 0.06666666666666667,
            "shift": 0.5,
            "ties": "up",
        },
    },
    layers={
        "conv1": {
            "port": "conv1",
            "shape": (4, 9, 8),
            "start": 1,
            "onnx": ("/conv1/Conv", "/conv1/Relu"),
        },
        "pool1": {
            "port": "pool1",
            "shape": (4, 4, 4),
            "start": 2,
            "onnx": ("/pool1/Conv", "/pool1/Relu"),
        },
        "conv2": {
            "port": "conv2",
            "shape": (6, 1, 3),
            "start": 3,
            "onnx": ("/conv2/Conv", "/conv2/Relu"),
        },
        "fc1": {"port": "fc1", "shape": (9,), "start": 4, "onnx": ("/fc1/Conv", "/fc1/Relu")},
    },
    heads={
        "head.out": {
            "port": "out",
            "shape": (4,),
            "kind": "membrane",
            "start": 5,
            "offset": 0,
            "size": 4,
            "relu": False,
        },
    },
    exit=None,
    steps=STEPS,
    window=WINDOW,
    latest=5,
    rests_after=None,
)

if __name__ == "__main__":
    raise SystemExit(main(PROGRAM, __file__))
