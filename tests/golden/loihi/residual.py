# /// script
# requires-python = ">=3.10,<3.11"
# dependencies = ["lava-nc==0.10.0", "numpy>=1.24.4,<2"]
# ///
"""Spiking network residual for Lava 0.10.0, compiled by snnc.

441 neurons in 6 layers; a sample takes 16 time steps. A spike takes one step per synapse, so the
last layer runs 5 steps late.

Stock processes of Lava: Conv, Dense. Processes of snn_processes.py, whose models are Python:
Delay, IF, Integrator, and around the network SpikeSource. ReadOut, Recorder and Exit of
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
from snn_processes import IF, Delay, Integrator
from snn_run import Program

STEPS = 16
"""Time steps of a sample in every layer."""

WINDOW = 16
"""In how many of them input and bias act."""


class Network(AbstractProcess):
    """Inputs come in; the spikes of every layer, of integrators the potentials, go out.

    Shapes are Lava's: (width, height, channels).
    """

    def __init__(self, *, weights, steps=STEPS, window=WINDOW, name="network"):
        super().__init__(weights=weights, steps=steps, window=window, name=name)
        self.x = InPort(shape=(6, 6, 2))
        self.stem = OutPort(shape=(6, 6, 3))
        self.body = OutPort(shape=(6, 6, 3))
        self.sum = OutPort(shape=(6, 6, 3))
        self.late = OutPort(shape=(6, 6, 3))
        self.loop = OutPort(shape=(5,))
        self.out = OutPort(shape=(4,))


@implements(proc=Network, protocol=LoihiProtocol)
class NetworkModel(AbstractSubProcessModel):
    """The layers: synapses, neurons, and the wires between them."""

    def __init__(self, proc):
        w = proc.proc_params["weights"]
        clock = {"steps": proc.proc_params["steps"], "window": proc.proc_params["window"]}

        # x (2, 6, 6) -> stem (3, 6, 6); ONNX "/stem/Conv", "/stem/Relu"
        self.stem_from_x = Conv(
            weight=w["stem_from_x"], input_shape=(6, 6, 2), padding=(1, 1), num_message_bits=4
        )
        self.stem = IF(shape=(6, 6, 3), vth=500, bias=w["stem.bias"], start=1, **clock, name="stem")
        proc.x.connect(self.stem_from_x.s_in)
        self.stem_from_x.a_out.connect(self.stem.a_in)
        self.stem.s_out.connect(proc.stem)

        # stem (3, 6, 6) -> body (3, 6, 6); ONNX "/body/Conv", "/body/Relu"
        self.body_from_stem = Conv(
            weight=w["body_from_stem"], input_shape=(6, 6, 3), padding=(1, 1), num_message_bits=1
        )
        self.body = IF(shape=(6, 6, 3), vth=120, saturation=150, start=2, **clock, name="body")
        self.stem.s_out.connect(self.body_from_stem.s_in)
        self.body_from_stem.a_out.connect(self.body.a_in)
        self.body.s_out.connect(proc.body)

        # body (3, 6, 6), stem (3, 6, 6), stem (3, 6, 6) -> sum (3, 6, 6)
        # ONNX "/sum/Conv", "/sum/Relu"
        self.sum_from_body = Conv(
            weight=w["sum_from_body"], input_shape=(6, 6, 3), num_message_bits=1
        )
        self.sum_from_stem_delay = Delay(shape=(6, 6, 3), delay=2, weight_exp=5)
        self.sum_from_stem_delay_2 = Delay(shape=(6, 6, 3), delay=4)
        self.sum = IF(shape=(6, 6, 3), vth=60, start=3, **clock, name="sum")
        self.body.s_out.connect(self.sum_from_body.s_in)
        self.sum_from_body.a_out.connect(self.sum.a_in)
        self.stem.s_out.connect(self.sum_from_stem_delay.s_in)
        self.sum_from_stem_delay.a_out.connect(self.sum.a_in)
        self.stem.s_out.connect(self.sum_from_stem_delay_2.s_in)
        self.sum_from_stem_delay_2.a_out.connect(self.sum.a_in)
        self.sum.s_out.connect(proc.sum)

        # sum (3, 6, 6), body (3, 6, 6) -> late (3, 6, 6); ONNX "/late/Conv", "/late/Relu"
        self.late_from_sum_delay = Delay(shape=(6, 6, 3), delay=3)
        self.late_from_body_delay = Delay(shape=(6, 6, 3), delay=1)
        self.late = IF(
            shape=(6, 6, 3), vth=2, negative=True, saturation=9, start=3, **clock, name="late"
        )
        self.sum.s_out.connect(self.late_from_sum_delay.s_in)
        self.late_from_sum_delay.a_out.connect(self.late.a_in)
        self.body.s_out.connect(self.late_from_body_delay.s_in)
        self.late_from_body_delay.a_out.connect(self.late.a_in)
        self.late.s_out.connect(proc.late)

        # late (3, 6, 6), loop (5,), loop (5,) -> loop (5,); ONNX "/loop/Conv", "/loop/Relu"
        self.loop_from_late = Dense(
            weights=2 * w["loop_from_late"], weight_exp=-1, num_message_bits=2
        )
        self.loop_from_loop = Dense(
            weights=2 * w["loop_from_loop"], weight_exp=-1, num_message_bits=1
        )
        self.loop_from_loop_delay = Delay(shape=(5,), delay=3)
        self.loop = IF(shape=(5,), vth=99, start=4, **clock, name="loop")
        self.late.s_out.transpose((2, 1, 0)).flatten().connect(self.loop_from_late.s_in)
        self.loop_from_late.a_out.connect(self.loop.a_in)
        self.loop.s_out.connect(self.loop_from_loop.s_in)
        self.loop_from_loop.a_out.connect(self.loop.a_in)
        self.loop.s_out.connect(self.loop_from_loop_delay.s_in)
        self.loop_from_loop_delay.a_out.connect(self.loop.a_in)
        self.loop.s_out.connect(proc.loop)

        # loop (5,) -> out (4,); ONNX "/out/Conv", "/out/Relu"
        self.out_from_loop = Dense(
            weights=2 * w["out_from_loop"], weight_exp=-1, num_message_bits=1
        )
        self.out = Integrator(
            shape=(4,), bias=w["out.bias"], v_init=3, start=5, **clock, name="out"
        )
        self.loop.s_out.connect(self.out_from_loop.s_in)
        self.out_from_loop.a_out.connect(self.out.a_in)
        self.out.v_out.connect(proc.out)


PROGRAM = Program(
    name="residual",
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
        "stem": {
            "port": "stem",
            "shape": (3, 6, 6),
            "start": 1,
            "onnx": ("/stem/Conv", "/stem/Relu"),
        },
        "body": {
            "port": "body",
            "shape": (3, 6, 6),
            "start": 2,
            "onnx": ("/body/Conv", "/body/Relu"),
        },
        "sum": {"port": "sum", "shape": (3, 6, 6), "start": 3, "onnx": ("/sum/Conv", "/sum/Relu")},
        "late": {
            "port": "late",
            "shape": (3, 6, 6),
            "start": 3,
            "onnx": ("/late/Conv", "/late/Relu"),
        },
        "loop": {"port": "loop", "shape": (5,), "start": 4, "onnx": ("/loop/Conv", "/loop/Relu")},
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
