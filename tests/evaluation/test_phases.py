"""Windows and kernels as rows of a report, as text and as a picture."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
from report_examples import EVALUATION, LAYER, REPORT
from timed_exits import timed

from snnc.evaluation.html import accuracy_svg, render_report
from snnc.evaluation.html_phases import LEFT, RIGHT, phase_picture
from snnc.evaluation.phases import COLUMNS, phase_record, summary, text_rows
from snnc.ir import model as m
from snnc.ir.spike_times import thresholds, values

RECORD = phase_record(timed(window=8))
assert RECORD is not None
TIMES = {
    "window": 8,
    "opens": 25,
    "neurons": 44,
    "spikes": 11.0,
    "spikes_per_neuron": 0.25,
    "multiplications": 360,
}


def test_the_record_says_when_each_population_acts() -> None:
    assert RECORD["window"] == 8
    assert RECORD["steps"] == 32
    assert RECORD["early"] == 0
    assert RECORD["heads"] == {"fc1.head": [9, 16], "fc2.head": [17, 24], "last": [25, 32]}
    rows = {row["name"]: row for row in RECORD["populations"]}
    assert (rows["image"]["integrates"], rows["image"]["fires"]) == (None, [1, 8])
    assert (rows["fc1"]["integrates"], rows["fc1"]["fires"]) == ([1, 8], [9, 16])
    assert (rows["last"]["integrates"], rows["last"]["fires"]) == ([25, 32], None)
    assert rows["last"]["tau"] is None
    json.dumps(RECORD)


def test_the_record_says_what_spikes_are_worth() -> None:
    network = timed(window=8)
    neuron = m.TTFS(tau=3.0, steps=6, delay=-0.5, threshold=1.5, rounding="ceil")
    changed = [replace(p, neuron=neuron) if p.name == "fc1" else p for p in network.populations]
    record = phase_record(network.with_populations(changed))
    assert record is not None
    row = next(row for row in record["populations"] if row["name"] == "fc1")
    found = (row["steps"], row["tau"], row["delay"], row["threshold"])
    assert found == (6, 3.0, -0.5, 1.5)
    assert row["fires"] == [9, 14]
    assert row["x_max"] == values(neuron)[0]
    assert row["x_min"] == thresholds(neuron)[-1]


def test_whole_numbers_stand_in_tables() -> None:
    network = timed(window=8)
    table = [40, 30, 22, 16, 12, 9, 7, 5]
    fixed = replace(
        network,
        stage="fixed",
        populations=tuple(
            replace(p, neuron=m.IntegerTTFS(m.Ref("v"), m.Ref("t"))) if p.name == "fc1" else p
            for p in network.populations
        ),
    ).with_arrays({"v": _i64(table), "t": _i64([v - 1 for v in table])})
    record = phase_record(fixed)
    assert record is not None
    row = next(row for row in record["populations"] if row["name"] == "fc1")
    assert (row["steps"], row["tau"], row["x_max"], row["x_min"]) == (8, None, 40.0, 4.0)


def _i64(numbers: list[int]) -> object:
    import numpy as np

    return np.array(numbers, np.int64)


def test_early_firing_and_analog_input_show() -> None:
    record = phase_record(timed(window=8, early=3, values="analog"))
    assert record is not None
    assert record["early"] == 3
    assert "image" not in [row["name"] for row in record["populations"]]
    assert "fired up to 3 steps early" in summary(record)


def test_networks_without_phases_have_no_record() -> None:
    assert phase_record(replace(timed(), schedule=m.Synchronous(4))) is None


def test_text_has_a_row_for_each_population() -> None:
    rows = text_rows(RECORD)
    assert [row[0] for row in rows] == [row["name"] for row in RECORD["populations"]]
    assert {len(row) for row in rows} == {1 + len(COLUMNS)}
    assert rows[0][1:4] == ("-", "1-8", "8")
    assert summary(RECORD).startswith("32 time steps in windows of 8; read-outs change in steps")


def test_the_picture_has_windows_at_their_steps() -> None:
    picture = phase_picture(RECORD)
    per_step = (RIGHT - LEFT) / 32
    fc2 = next(row for row in picture["rows"] if row["name"] == "fc2")
    integrates, fires = fc2["bars"]
    assert integrates["x"] == pytest.approx(LEFT + 8 * per_step, abs=0.1)
    assert fires["x"] == pytest.approx(LEFT + 16 * per_step, abs=0.1)
    assert integrates["width"] == pytest.approx(8 * per_step, abs=0.2)
    assert integrates["colour"] != fires["colour"]
    assert [tick["text"] for tick in picture["ticks"]] == [0, 8, 16, 24, 32]
    last = next(row for row in picture["rows"] if row["name"] == "last")
    assert len(last["bars"]) == 1


def test_the_page_draws_the_schedule_and_escapes_names() -> None:
    row = {**RECORD["populations"][1], "name": "<b>&1"}
    record = {**RECORD, "populations": [row, *RECORD["populations"]]}
    page = render_report({**REPORT, "steps": 32, "phases": record, "evaluation": None})
    svg = page[page.index("<svg") : page.index("</svg>") + 6]
    bars = [e for e in ET.fromstring(svg).iter() if e.attrib.get("height") in ("15", "7")]
    assert len(bars) == sum(
        (r["integrates"] is not None) + (r["fires"] is not None) for r in record["populations"]
    )
    assert "<b>&1" not in page
    assert "32 time steps in windows of 8" in page
    assert "Windows" not in render_report({**REPORT, "evaluation": None})


def test_the_page_gives_spikes_per_neuron_and_relative_energy() -> None:
    estimate = {
        "name": "truenorth-relative",
        "source": "a paper",
        "reference": "rate <code>",
        "dynamic": 0.01,
        "static": 1.2,
        "energy": 1.21,
    }
    layer = {**LAYER, "spikes_per_sample": 1.5, "neurons": 3}
    evaluation = {
        **EVALUATION,
        "layers": [layer],
        "phases": TIMES,
        "relative_energy": [estimate],
        "accuracy_by_step": [0.1] * 24 + [0.3, 0.5, 0.9, 0.97, 0.97, 0.97, 0.97, 0.97],
    }
    page = render_report({**REPORT, "phases": RECORD, "evaluation": evaluation})
    assert "spikes per neuron, of 44" in page
    assert "per neuron</th>" in page
    assert "relative to rate &lt;code&gt;" in page
    assert "1.21" in page
    assert "per neuron</th>" not in render_report(REPORT)


def test_the_curve_begins_with_the_last_head() -> None:
    curve = [0.1] * 24 + [0.3, 0.5, 0.9, 0.97, 0.97, 0.97, 0.97, 0.97]
    timed_curve = {**EVALUATION, "phases": TIMES, "accuracy_by_step": curve}
    picture = accuracy_svg(timed_curve)
    ET.fromstring(picture)
    assert "behind the first 24" in picture
    line = next(e for e in ET.fromstring(picture).iter() if e.tag.endswith("polyline"))
    assert len(line.attrib["points"].split()) == 8
    assert "behind the first" not in accuracy_svg(EVALUATION)
