# /// script
# requires-python = ">=3.10,<3.11"
# dependencies = ["lava-nc==0.10.0", "numpy>=1.24.4,<2"]
# ///
"""Spiking network qffs for Lava 0.10.0, compiled by snnc.

456 neurons in 5 layers; a sample takes 20 time steps, its input acts in the first 7. A spike takes
one step per synapse, so the last layer runs 5 steps late.

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

STEPS = 20
"""Time steps of a sample in every layer."""

WINDOW = 7
"""In how many of them input and bias act."""


class Network(AbstractProcess):
    """Inputs come in; the spikes of every layer, of integrators the potentials, go out.

    Shapes are Lava's: (width, height, channels).
    """

    def __init__(self, *, weights, steps=STEPS, window=WINDOW, name="network"):
        super().__init__(weights=weights, steps=steps, window=window, name=name)
        self.x = InPort(shape=(8, 8, 2))
        self.a = OutPort(shape=(8, 8, 4))
        self.pool = OutPort(shape=(4, 5, 4))
        self.c = OutPort(shape=(4, 5, 4))
        self.free = OutPort(shape=(3, 4, 3))
        self.out = OutPort(shape=(4,))


@implements(proc=Network, protocol=LoihiProtocol)
class NetworkModel(AbstractSubProcessModel):
    """The layers: synapses, neurons, and the wires between them."""

    def __init__(self, proc):
        w = proc.proc_params["weights"]
        clock = {"steps": proc.proc_params["steps"], "window": proc.proc_params["window"]}

        # x (2, 8, 8) -> a (4, 8, 8); ONNX "/a/Conv", "/a/Relu"
        self.a_from_x = Conv(
            weight=w["a_from_x"], input_shape=(8, 8, 2), padding=(1, 1), num_message_bits=4
        )
        self.a = IF(
            shape=(8, 8, 4),
            vth=300,
            bias=w["a.bias"],
            v_init=150,
            negative=True,
            max_spikes=7,
            min_spikes=0,
            start=1,
            **clock,
            name="a",
        )
        proc.x.connect(self.a_from_x.s_in)
        self.a_from_x.a_out.connect(self.a.a_in)
        self.a.s_out.connect(proc.a)

        # a (4, 8, 8) -> pool (4, 5, 4); ONNX "/pool/Conv", "/pool/Relu"
        self.pool = RunningMax(
            shape=(4, 5, 4),
            in_shape=(8, 8, 4),
            kernel=(3, 3),
            stride=(2, 2),
            padding=(0, 1),
            start=2,
            **clock,
            name="pool",
        )
        self.a.s_out.connect(self.pool.s_in)
        self.pool.s_out.connect(proc.pool)

        # pool (4, 5, 4) -> c (4, 5, 4); ONNX "/c/Conv", "/c/Relu"
        self.c_from_pool = Conv(
            weight=w["c_from_pool"], input_shape=(4, 5, 4), padding=(1, 1), num_message_bits=2
        )
        self.c = IF(
            shape=(4, 5, 4),
            vth=90,
            bias=w["c.bias"],
            v_init=45,
            negative=True,
            max_spikes=3,
            min_spikes=-3,
            start=3,
            **clock,
            name="c",
        )
        self.pool.s_out.connect(self.c_from_pool.s_in)
        self.c_from_pool.a_out.connect(self.c.a_in)
        self.c.s_out.connect(proc.c)

        # c (4, 5, 4) -> free (3, 4, 3); ONNX "/free/Conv", "/free/Relu"
        self.free_from_c = Conv(weight=w["free_from_c"], input_shape=(4, 5, 4), num_message_bits=2)
        self.free = IF(shape=(3, 4, 3), vth=120, negative=True, start=4, **clock, name="free")
        self.c.s_out.connect(self.free_from_c.s_in)
        self.free_from_c.a_out.connect(self.free.a_in)
        self.free.s_out.connect(proc.free)

        # free (3, 4, 3) -> out (4,); ONNX "/out/Conv", "/out/Relu"
        self.out_from_free = Dense(
            weights=2 * w["out_from_free"], weight_exp=-1, num_message_bits=2
        )
        self.out = Integrator(
            shape=(4,), bias=w["out.bias"], v_init=3, start=5, **clock, name="out"
        )
        self.free.s_out.transpose((2, 1, 0)).flatten().connect(self.out_from_free.s_in)
        self.out_from_free.a_out.connect(self.out.a_in)
        self.out.v_out.connect(proc.out)


PROGRAM = Program(
    name="qffs",
    network=Network,
    inputs={
        "x": {
            "port": "x",
            "shape": (2, 8, 8),
            "coding": "graded",
            "range": (0, 15),
            "step": 0.06666666666666667,
            "shift": 0.5,
            "ties": "up",
        },
    },
    layers={
        "a": {"port": "a", "shape": (4, 8, 8), "start": 1, "onnx": ("/a/Conv", "/a/Relu")},
        "pool": {
            "port": "pool",
            "shape": (4, 5, 4),
            "start": 2,
            "onnx": ("/pool/Conv", "/pool/Relu"),
        },
        "c": {"port": "c", "shape": (4, 5, 4), "start": 3, "onnx": ("/c/Conv", "/c/Relu")},
        "free": {
            "port": "free",
            "shape": (3, 4, 3),
            "start": 4,
            "onnx": ("/free/Conv", "/free/Relu"),
        },
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
