"""Pictures of the mesh: every core is there, all forms say the same, anybody can read them."""

from __future__ import annotations

import re
import struct
import xml.etree.ElementTree as Tree
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from mesh_maps import random_counts, wired_map

from snnc.backends.truenorth import picture_svg
from snnc.backends.truenorth.core_map import ROLES, CoreMap
from snnc.backends.truenorth.picture import mesh_png, mesh_svg, mesh_text
from snnc.backends.truenorth.picture_mesh import LINKS_DRAWN, driven_axons, letter, mesh_of
from snnc.backends.truenorth.picture_scene import scene_of
from snnc.backends.truenorth.picture_shapes import (
    FEW,
    OUTLINES,
    ROLE_WORDS,
    colour,
    contrast,
    short,
)

SVG = "{http://www.w3.org/2000/svg}"
TONES = {"dark": "#000000", "light": "#ffffff"}


def small(**given: Any) -> CoreMap:
    """Two cores of conv, a splitter of it, one core of classes; the last place of 3 x 2 is free."""
    counts = [[0, 0, 30, 2], [0, 0, 4, 128], [0, 0, 0, 64], [0, 0, 0, 0]]
    core_map = wired_map(
        counts, own=[40, 132, 64, 10], layers_of=[0, 0, 0, 1], names=("conv", "classes")
    )
    fields: dict[str, Any] = {
        "name": "small",
        "positions": np.array([[0, 0], [1, 0], [0, 1], [2, 1]], np.int16),
        "corelets": np.array([0, 0, 1, 2], np.int32),
        "corelet_names": ("conv/tile", "conv/fan-out", "classes/tile"),
        "roles": np.array([0, 0, ROLES.index("splitter"), 0], np.uint8),
        "pin_starts": np.array([0, 2, 3]),
        "pin_cores": np.array([0, 1, 1], np.int32),
        "pin_axons": np.array([0, 0, 1], np.int32),
        "pin_delays": np.zeros(3, np.int32),
    }
    return replace(core_map, **(fields | given))


TEXT = """\
small: 4 of 4,096 cores, 3 x 2 of the mesh

A A .
a . B

   layer    cores  helpers  neurons  axons
A  conv         3        1     31 %    5 %
B  classes      1        0      4 %   76 %

small letters: helpers
  splitter: copies of its spikes (1)

246 neurons, 231 axons in use
228 links between cores, 1.9 hops in the mean, 3 at most
"""


def test_the_text_of_a_small_map() -> None:
    assert mesh_text(small()) == TEXT


def test_letters_stand_side_by_side_where_the_mesh_is_wide() -> None:
    core_map = wired_map(np.zeros((64, 64), int), own=np.ones(64, int))
    assert "\n\n" + "W" * 64 + "\n\n" in mesh_text(core_map).replace("A" * 64, "W" * 64)
    assert max(len(line) for line in mesh_text(core_map).splitlines()) <= 80


def test_driven_axons_are_those_of_neurons_and_pins() -> None:
    assert driven_axons(small()).tolist() == [1, 2, 34, 194]


def titles(svg: str) -> list[str]:
    return [t.text or "" for t in Tree.fromstring(svg).iter(f"{SVG}title")]


def texts(svg: str) -> list[str]:
    return [t.text or "" for t in Tree.fromstring(svg).iter(f"{SVG}text")]


def test_every_core_is_in_the_svg_and_says_what_it_is() -> None:
    found = titles(mesh_svg(small()))
    assert [re.findall(r"core (\d+) at (\d+), (\d+)", t)[0] for t in sorted(found)] == [
        ("0", "0", "0"), ("1", "1", "0"), ("2", "0", "1"), ("3", "2", "1"),
    ]  # fmt: skip
    assert sorted(found)[2] == (
        "core 2 at 0, 1: conv/fan-out (splitter), 64 of 256 neurons, 34 of 256 axons"
    )


def test_many_cores_share_a_path_and_all_are_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    core_map = wired_map(random_counts(0, 30, 200))
    monkeypatch.setattr(picture_svg, "TITLED", 29)
    svg = mesh_svg(core_map)
    assert titles(svg) == []
    cells = max(re.findall(r'<path d="([^"]*)"', svg), key=len)
    starts = set(re.findall(r"M([\d.]+) ([\d.]+)", cells))
    assert len(starts) == 30 + 1  # and the swatch of the only layer


def test_the_legend_has_every_layer_with_its_counts_and_every_role() -> None:
    found = texts(mesh_svg(small()))
    for line in ("conv", "classes", "3", "31 %", "76 %", "splitter: copies of its spikes (1)"):
        assert line in found
    assert "Lines run to the dot: 5 of 5 pairs of cores with links," in found
    assert "those with the most (2 to 128 each)." in found


def test_the_heaviest_links_are_drawn_and_the_widest_is_the_heaviest() -> None:
    core_map = wired_map(random_counts(1, 30, 900))
    mesh = mesh_of(core_map)
    counts = [strand.links for strand in mesh.strands]
    assert len(counts) == LINKS_DRAWN < mesh.pairs
    assert counts == sorted(counts, reverse=True)
    widths = [curve.width for curve in scene_of(mesh).curves]
    assert widths == sorted(widths)
    assert mesh_svg(core_map).count('class="way"') == LINKS_DRAWN


def test_bars_are_as_long_as_what_is_used() -> None:
    bars = scene_of(mesh_of(small())).bars
    lengths = [bar.width for bar in bars]
    shares = [40, 1, 132, 2, 64, 34, 10, 194]  # neurons and axons of each core
    assert lengths == pytest.approx([lengths[2] * n / 132 for n in shares])


def test_names_are_escaped_and_cut() -> None:
    name = "<script>&\"'$x$" + "y" * 80
    core_map = small(name=name)
    core_map = replace(core_map, corelet_names=("a<b>&/tile", "a<b>&/fan-out", "classes/tile"))
    svg = mesh_svg(core_map)
    assert "<script>" not in svg
    assert "a<b>&" in texts(svg)
    assert short(name, 48) in texts(svg)
    assert len(short(name, 48)) == 48
    assert mesh_png(core_map).startswith(b"\x89PNG")  # dollars are no formulas


def test_the_png_has_two_pixels_for_a_unit_of_the_svg() -> None:
    core_map = small()
    width, height = struct.unpack(">II", mesh_png(core_map)[16:24])
    view = Tree.fromstring(mesh_svg(core_map)).attrib["viewBox"].split()
    assert (width, height) == pytest.approx((2 * float(view[2]), 2 * float(view[3])), abs=1)


def test_pictures_are_the_same_every_time() -> None:
    for drawn in (mesh_svg, mesh_png, mesh_text):
        assert drawn(small()) == drawn(small())


def test_the_svg_of_a_small_map_is_small_and_follows_the_scheme_of_the_page() -> None:
    svg = mesh_svg(small())
    assert len(svg) < 6000
    assert "prefers-color-scheme:dark" in svg
    light, dark = svg.split("@media")
    for tone in (".page", ".frame", ".ink", ".soft", ".way"):
        assert tone + "{" in light
        assert tone + "{" in dark


def test_a_map_without_cores_has_pictures() -> None:
    core_map = wired_map(np.zeros((0, 0), int))
    assert "0 of 4,096 cores" in mesh_text(core_map)
    Tree.fromstring(mesh_svg(core_map))
    assert mesh_png(core_map).startswith(b"\x89PNG")


def luminance(fill: str) -> float:
    channels = [int(fill[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


@pytest.mark.parametrize("layers", [1, 2, 8, 9, 10, 26, 60])
def test_letters_can_be_read_on_every_colour(layers: int) -> None:
    """Contrast of at least 4.5 to 1, which WCAG 2 asks of text."""
    for layer in range(layers):
        fill = colour(layer, layers)
        shades = sorted((luminance(fill), luminance(TONES[contrast(fill)])))
        assert (shades[1] + 0.05) / (shades[0] + 0.05) >= 4.5, fill


@pytest.mark.parametrize("layers", [9, 20])
def test_many_layers_go_from_bright_to_dark(layers: int) -> None:
    shades = [luminance(colour(layer, layers)) for layer in range(layers)]
    assert shades == sorted(shades, reverse=True)
    assert len(set(shades)) == layers


def test_few_layers_have_colours_of_their_own() -> None:
    assert len({colour(layer, 8) for layer in range(8)}) == len(FEW) == 8


def test_letters_follow_the_alphabet() -> None:
    assert [letter(i, 3) for i in range(3)] == ["A", "B", "C"]
    many = [letter(i, 53) for i in range(53)]
    assert many == sorted(many)
    assert (many[0], many[-1], len(set(many))) == ("A", "Z", 26)


def test_every_role_has_a_shape_and_words() -> None:
    assert set(OUTLINES) == set(ROLE_WORDS) == set(ROLES)
    assert len(set(OUTLINES.values())) == len(ROLES)
