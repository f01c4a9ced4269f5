# /// script
# requires-python = ">=3.10,<3.11"
# dependencies = ["lava-nc==0.10.0", "numpy>=1.24.4,<2"]
# ///
"""Spiking network timed_residual for Lava 0.10.0, compiled by snnc.

333 neurons in 5 layers; a sample takes 40 time steps, windows of 8 in which every neuron fires at
most once. A spike takes one step per synapse, so the last layer runs 5 steps late.

Stock processes of Lava: Conv, Dense. Processes of snn_processes.py, whose models are Python:
Delay, Dendrite, Integrator, TTFS, and around the network SpikeSource. ReadOut, Recorder and Exit
of snn_readout.py tell what it does.

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
from snn_processes import TTFS, Delay, Dendrite, Integrator
from snn_run import Program

STEPS = 40
"""Time steps of a sample in every layer."""

WINDOW = 1
"""In how many of them input and bias act."""


class Network(AbstractProcess):
    """Inputs come in; the spikes of every layer, of integrators the potentials, go out.

    Shapes are Lava's: (width, height, channels).
    """

    def __init__(self, *, weights, steps=STEPS, window=WINDOW, name="network"):
        super().__init__(weights=weights, steps=steps, window=window, name=name)
        self.x = InPort(shape=(6, 6, 2))
        self.y = InPort(shape=(6, 6, 2))
        self.stem = OutPort(shape=(6, 6, 3))
        self.body = OutPort(shape=(6, 6, 3))
        self.sum = OutPort(shape=(6, 6, 3))
        self.late = OutPort(shape=(5,))
        self.out = OutPort(shape=(4,))


@implements(proc=Network, protocol=LoihiProtocol)
class NetworkModel(AbstractSubProcessModel):
    """The layers: synapses, neurons, and the wires between them."""

    def __init__(self, proc):
        w = proc.proc_params["weights"]
        clock = {"steps": proc.proc_params["steps"], "window": proc.proc_params["window"]}

        # x (2, 6, 6) -> stem (3, 6, 6); ONNX "/stem/Conv", "/stem/Relu"
        # integrates in steps 1 to 8, fires in steps 9 to 16
        self.stem_from_x = Conv(
            weight=w["stem_from_x"], input_shape=(6, 6, 2), padding=(1, 1), num_message_bits=2
        )
        self.stem_dendrite = Dendrite(
            shape=(6, 6, 3),
            kernel=w["stem_dendrite.kernel"],
            start=1,
            **clock,
            name="stem_dendrite",
        )
        self.stem = TTFS(
            shape=(6, 6, 3),
            thresholds=w["stem.thresholds"],
            bias=w["stem.bias"],
            fires=8,
            start=1,
            **clock,
            name="stem",
        )
        proc.x.connect(self.stem_from_x.s_in)
        self.stem_from_x.a_out.connect(self.stem_dendrite.a_in)
        self.stem_dendrite.a_out.connect(self.stem.a_in)
        self.stem.s_out.connect(proc.stem)

        # stem (3, 6, 6) -> body (3, 6, 6); ONNX "/body/Conv", "/body/Relu"
        # integrates in steps 9 to 16, fires in steps 17 to 24
        self.body_from_stem = Conv(
            weight=w["body_from_stem"], input_shape=(6, 6, 3), padding=(1, 1), num_message_bits=1
        )
        self.body_dendrite = Dendrite(
            shape=(6, 6, 3),
            kernel=w["body_dendrite.kernel"],
            integrates=8,
            start=2,
            **clock,
            name="body_dendrite",
        )
        self.body = TTFS(
            shape=(6, 6, 3),
            thresholds=w["body.thresholds"],
            integrates=8,
            fires=16,
            start=2,
            **clock,
            name="body",
        )
        self.stem.s_out.connect(self.body_from_stem.s_in)
        self.body_from_stem.a_out.connect(self.body_dendrite.a_in)
        self.body_dendrite.a_out.connect(self.body.a_in)
        self.body.s_out.connect(proc.body)

        # body (3, 6, 6), stem (3, 6, 6), y (2, 6, 6) -> sum (3, 6, 6)
        # ONNX "/sum/Conv", "/sum/Relu"
        # integrates in steps 17 to 24, fires in steps 25 to 32
        self.sum_from_body = Conv(
            weight=w["sum_from_body"], input_shape=(6, 6, 3), num_message_bits=1
        )
        self.sum_from_stem_delay = Delay(shape=(6, 6, 3), delay=9)
        self.sum_from_stem = Conv(
            weight=w["sum_from_stem"] << 1, input_shape=(6, 6, 3), num_message_bits=1
        )
        self.sum_from_y_delay = Delay(shape=(6, 6, 2), delay=18)
        self.sum_from_y = Conv(
            weight=w["sum_from_y"] << 2, input_shape=(6, 6, 2), padding=(1, 1), num_message_bits=4
        )
        self.sum_dendrite = Dendrite(
            shape=(6, 6, 3),
            kernel=w["sum_dendrite.kernel"],
            integrates=16,
            start=3,
            **clock,
            name="sum_dendrite",
        )
        self.sum_dendrite_2 = Dendrite(
            shape=(6, 6, 3),
            kernel=w["sum_dendrite_2.kernel"],
            integrates=16,
            start=3,
            **clock,
            name="sum_dendrite_2",
        )
        self.sum = TTFS(
            shape=(6, 6, 3),
            thresholds=w["sum.thresholds"],
            bias=w["sum.bias"],
            integrates=16,
            fires=24,
            start=3,
            **clock,
            name="sum",
        )
        self.body.s_out.connect(self.sum_from_body.s_in)
        self.sum_from_body.a_out.connect(self.sum_dendrite.a_in)
        self.stem.s_out.connect(self.sum_from_stem_delay.s_in)
        self.sum_from_stem_delay.a_out.connect(self.sum_from_stem.s_in)
        self.sum_from_stem.a_out.connect(self.sum_dendrite_2.a_in)
        proc.y.connect(self.sum_from_y_delay.s_in)
        self.sum_from_y_delay.a_out.connect(self.sum_from_y.s_in)
        self.sum_from_y.a_out.connect(self.sum.a_in)
        self.sum_dendrite.a_out.connect(self.sum.a_in)
        self.sum_dendrite_2.a_out.connect(self.sum.a_in)
        self.sum.s_out.connect(proc.sum)

        # sum (3, 6, 6), x (2, 6, 6) -> late (5,); ONNX "/late/Conv", "/late/Relu"
        # integrates in steps 25 to 32, fires in steps 33 to 40
        self.late_from_sum = Dense(
            weights=2 * w["late_from_sum"], weight_exp=-1, num_message_bits=1
        )
        self.late_from_x_delay = Delay(shape=(6, 6, 2), delay=27)
        self.late_from_x = Dense(weights=2 * w["late_from_x"], weight_exp=-1, num_message_bits=2)
        self.late_dendrite = Dendrite(
            shape=(5,),
            kernel=w["late_dendrite.kernel"],
            integrates=24,
            start=4,
            **clock,
            name="late_dendrite",
        )
        self.late = TTFS(
            shape=(5,),
            thresholds=w["late.thresholds"],
            integrates=24,
            fires=32,
            start=4,
            **clock,
            name="late",
        )
        self.sum.s_out.transpose((2, 1, 0)).flatten().connect(self.late_from_sum.s_in)
        self.late_from_sum.a_out.connect(self.late_dendrite.a_in)
        proc.x.connect(self.late_from_x_delay.s_in)
        self.late_from_x_delay.a_out.transpose((2, 1, 0)).flatten().connect(self.late_from_x.s_in)
        self.late_from_x.a_out.connect(self.late_dendrite.a_in)
        self.late_dendrite.a_out.connect(self.late.a_in)
        self.late.s_out.connect(proc.late)

        # late (5,) -> out (4,); ONNX "/out/Conv", "/out/Relu"
        # integrates in steps 33 to 40
        self.out_from_late = Dense(
            weights=2 * w["out_from_late"], weight_exp=-1, num_message_bits=1
        )
        self.out_dendrite = Dendrite(
            shape=(4,),
            kernel=w["out_dendrite.kernel"],
            integrates=32,
            start=5,
            **clock,
            name="out_dendrite",
        )
        self.out = Integrator(
            shape=(4,), bias=w["out.bias"], v_init=3, integrates=32, start=5, **clock, name="out"
        )
        self.late.s_out.connect(self.out_from_late.s_in)
        self.out_from_late.a_out.connect(self.out_dendrite.a_in)
        self.out_dendrite.a_out.connect(self.out.a_in)
        self.out.v_out.connect(proc.out)


PROGRAM = Program(
    name="timed_residual",
    network=Network,
    inputs={
        "x": {
            "port": "x",
            "shape": (2, 6, 6),
            "coding": "raster",
            "range": (-1, 1),
            "frames": 8,
            "tau": 3.0,
            "delay": 0.0,
            "threshold": 1.0,
            "rounding": "round",
        },
        "y": {
            "port": "y",
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
        "late": {"port": "late", "shape": (5,), "start": 4, "onnx": ("/late/Conv", "/late/Relu")},
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
            "window": (33, 40),
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
