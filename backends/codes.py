"""The diagnostics of the backends, SN5xx: what each code means and what to do."""

from __future__ import annotations

CODES: dict[str, str] = {
    "SN501": (
        "A network of another stage was given to the simulator. It runs networks of stage `snn` "
        "and `fixed`; at stage `ann` there are no spikes yet. Run the pass `to-spiking` (or "
        "compile the model) first. A network of stage `ann` is evaluated by "
        "`snnc.ir.interpret`."
    ),
    "SN502": (
        "An input array has the wrong shape, is missing, or names no input of the network. The "
        "first axis is the batch; the others must equal the input's shape in the network, "
        "channels first. An input coded as events has a time axis in front of the batch axis."
    ),
    "SN503": (
        "An input array has an element type that does not fit. A network with floating-point "
        "inputs takes floating-point arrays, so that raw bytes 0..255 are never mistaken for "
        "values scaled to 0..1; integer simulation takes whole numbers only. Convert "
        "explicitly, after the preprocessing."
    ),
    "SN504": (
        "An input array holds NaN or infinite values. A membrane potential that took one up "
        "would never recover, so the simulator refuses them. Look at the preprocessing: a "
        "division by a standard deviation of zero is the usual cause."
    ),
    "SN505": (
        "The number of time steps is missing or below 1, or differs from the time axis of an "
        "event input. Give `steps`, or a network whose schedule holds it."
    ),
    "SN506": (
        "A spike raster or membrane trace was asked of a population that the network does not "
        "have, or a membrane trace of one that has no membrane potential (running maximum, "
        "gate)."
    ),
    "SN507": (
        "An input coded as events came without its time axis. Such an array is (T, N, ...): one "
        "frame of events for each time step."
    ),
    "SN508": (
        "Integer simulation met something that is not a whole number: a weight, bias, "
        "threshold, initial potential, leak or input value, or an average pooling, which "
        "divides. Quantise the network to stage `fixed` (pools folded into the next layer), or "
        "simulate in floating point."
    ),
    "SN509": (
        "The network asks for something that has no meaning in the simulator: a connection from "
        "an integrator, which never fires; a read-out that the population does not have; or a "
        "spike too large or not whole where a raster of small integers was asked for."
    ),
    "SN510": (
        "An integer simulation could exceed 64 bits: the largest possible sum of inputs over "
        "all time steps is beyond 2^62. Use smaller weights or fewer time steps."
    ),
    "SN511": (
        "An option of the simulator is out of its range: `dtype` is float32, float64 or "
        "integer; `threads`, `batch_size` and `block_steps` are at least 1."
    ),
    "SN512": ("There is no target of this name. `snnc targets` lists those that are built in."),
    "SN513": (
        "An event input of a network with the schedule `gated` holds events behind the window, "
        "where input no longer acts: they would be lost. Bring as many frames as the window has "
        "steps, or more where the rest are silent. For events that go on and on, convert to a "
        "network with a synchronous schedule (`map-quantized{mode=qcfs}`)."
    ),
}
