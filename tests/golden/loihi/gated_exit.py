# /// script
# requires-python = ">=3.10,<3.11"
# dependencies = ["lava-nc==0.10.0", "numpy>=1.24.4,<2"]
# ///
"""Spiking network gated_heads for Lava 0.10.0, compiled by snnc.

90 neurons in 5 layers; a sample takes 20 time steps, its input acts in the first 5. A spike takes
one step per synapse, so the last layer runs 4 steps late.

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

WINDOW = 5
"""In how many of them input and bias act."""


class Network(AbstractProcess):
    """Inputs come in; the spikes of every layer, of integrators the potentials, go out.

    Shapes are Lava's: (width, height, channels).
    """

    def __init__(self, *, weights, steps=STEPS, window=WINDOW, name="network"):
        super().__init__(weights=weights, steps=steps, window=window, name=name)
        self.x = InPort(shape=(6, 6, 2))
        self.a = OutPort(shape=(4, 4, 4))
        self.a_active = OutPort(shape=(1,))
        self.early = OutPort(shape=(3,))
        self.pool = OutPort(shape=(2, 2, 4))
        self.pool_active = OutPort(shape=(1,))
        self.b = OutPort(shape=(1, 1, 4))
        self.b_active = OutPort(shape=(1,))
        self.deep = OutPort(shape=(3,))


@implements(proc=Network, protocol=LoihiProtocol)
class NetworkModel(AbstractSubProcessModel):
    """The layers: synapses, neurons, and the wires between them."""

    def __init__(self, proc):
        w = proc.proc_params["weights"]
        clock = {"steps": proc.proc_params["steps"], "window": proc.proc_params["window"]}

        # x (2, 6, 6) -> a (4, 4, 4); ONNX "/a/Conv", "/a/Relu"
        self.a_from_x = Conv(weight=w["a_from_x"], input_shape=(6, 6, 2), num_message_bits=4)
        self.a = IF(
            shape=(4, 4, 4),
            vth=400,
            bias=w["a.bias"],
            v_init=200,
            negative=True,
            max_spikes=5,
            min_spikes=0,
            lag=3,
            start=1,
            **clock,
            name="a",
        )
        proc.x.connect(self.a_from_x.s_in)
        self.a_from_x.a_out.connect(self.a.a_in)
        self.a.s_out.connect(proc.a)
        self.a.active_out.connect(proc.a_active)

        # a (4, 4, 4) -> early (3,); ONNX "/early/Conv", "/early/Relu"
        self.early_from_a = Dense(weights=2 * w["early_from_a"], weight_exp=-1, num_message_bits=2)
        self.early = Integrator(
            shape=(3,), bias=w["early.bias"], v_init=3, start=2, **clock, name="early"
        )
        self.a.s_out.transpose((2, 1, 0)).flatten().connect(self.early_from_a.s_in)
        self.early_from_a.a_out.connect(self.early.a_in)
        self.early.v_out.connect(proc.early)

        # a (4, 4, 4) -> pool (4, 2, 2); ONNX "/pool/Conv", "/pool/Relu"
        self.pool = RunningMax(
            shape=(2, 2, 4),
            in_shape=(4, 4, 4),
            kernel=(2, 2),
            stride=(2, 2),
            lag=2,
            start=2,
            **clock,
            name="pool",
        )
        self.a.s_out.connect(self.pool.s_in)
        self.pool.s_out.connect(proc.pool)
        self.pool.active_out.connect(proc.pool_active)

        # pool (4, 2, 2) -> b (4, 1, 1); ONNX "/b/Conv", "/b/Relu"
        self.b_from_pool = Conv(weight=w["b_from_pool"], input_shape=(2, 2, 4), num_message_bits=2)
        self.b = IF(
            shape=(1, 1, 4),
            vth=90,
            v_init=45,
            negative=True,
            max_spikes=5,
            min_spikes=0,
            lag=1,
            start=3,
            **clock,
            name="b",
        )
        self.pool.s_out.connect(self.b_from_pool.s_in)
        self.b_from_pool.a_out.connect(self.b.a_in)
        self.b.s_out.connect(proc.b)
        self.b.active_out.connect(proc.b_active)

        # b (4, 1, 1) -> deep (3,); ONNX "/deep/Conv", "/deep/Relu"
        self.deep_from_b = Dense(weights=2 * w["deep_from_b"], weight_exp=-1, num_message_bits=2)
        self.deep = Integrator(
            shape=(3,), bias=w["deep.bias"], v_init=3, start=4, **clock, name="deep"
        )
        self.b.s_out.transpose((2, 1, 0)).flatten().connect(self.deep_from_b.s_in)
        self.deep_from_b.a_out.connect(self.deep.a_in)
        self.deep.v_out.connect(proc.deep)


PROGRAM = Program(
    name="gated_heads",
    network=Network,
    inputs={
        "x": {
            "port": "x",
            "shape": (2, 6, 6),
            "coding": "graded",
            "range": (0, 15),
            "step": 0.06666666666666667,
            "shift": 0.5,
            "ties": "up",
        },
    },
    layers={
        "a": {
            "port": "a",
            "shape": (4, 4, 4),
            "start": 1,
            "onnx": ("/a/Conv", "/a/Relu"),
            "active": "a_active",
        },
        "pool": {
            "port": "pool",
            "shape": (4, 2, 2),
            "start": 2,
            "onnx": ("/pool/Conv", "/pool/Relu"),
            "active": "pool_active",
        },
        "b": {
            "port": "b",
            "shape": (4, 1, 1),
            "start": 3,
            "onnx": ("/b/Conv", "/b/Relu"),
            "active": "b_active",
        },
    },
    heads={
        "head.early": {
            "port": "early",
            "shape": (3,),
            "kind": "membrane",
            "start": 2,
            "offset": 0,
            "size": 3,
            "relu": False,
        },
        "head.deep": {
            "port": "deep",
            "shape": (3,),
            "kind": "membrane",
            "start": 4,
            "offset": 3,
            "size": 3,
            "relu": False,
        },
    },
    exit={
        "first_step": 1,
        "heads": (0, 1),
        "kind": "integer_confidence",
        "last_step": 20,
        "limits": (2120, 2120),
        "shifts": (5, 5),
        "tables": "exit.tables",
    },
    steps=STEPS,
    window=WINDOW,
    latest=4,
    rests_after=5,
)

if __name__ == "__main__":
    raise SystemExit(main(PROGRAM, __file__))
