"""What is drawn is to scale."""

from __future__ import annotations

import re

import pytest

from serving.quarter.drawings import interval_bar, waterfall
from tests.serving.quarter_documents import fig


def test_a_waterfall_is_drawn_to_scale() -> None:
    steps = [("New", 300.0, "gain"), ("Churn", -120.0, "loss"), ("Paused", -60.0, "")]
    drawn = waterfall(10_000.0, steps, 10_120.0, "x")
    boxes = [
        (float(y), float(h))
        for y, h in re.findall(r'<rect x="[\d.]+" y="([\d.]+)" width="[\d.]+" height="([\d.]+)"', drawn)
    ]
    heights = [height for _, height in boxes]
    assert heights[0] / heights[1] == pytest.approx(300 / 120, rel=0.01)
    assert heights[1] / heights[2] == pytest.approx(120 / 60, rel=0.01)
    assert boxes[1][0] == pytest.approx(boxes[0][0], abs=0.2), "a fall begins where the rise before it ended"
    assert boxes[2][0] == pytest.approx(boxes[1][0] + boxes[1][1], abs=0.2)
    ends = [
        float(y) for y in re.findall(r'y1="([\d.]+)" x2="[\d.]+" y2="[\d.]+" stroke="#1f2933" stroke-width="3"', drawn)
    ]
    assert ends == [pytest.approx(sum(boxes[0]), abs=0.2), pytest.approx(sum(boxes[2]), abs=0.2)]


def test_a_dot_is_filled_only_where_the_interval_leaves_0_out() -> None:
    beyond, within = interval_bar(fig(10, 5), -20, 20, "x"), interval_bar(fig(10, 15), -20, 20, "x")
    assert 'fill="#ffffff"' in within
    assert 'fill="#ffffff"' not in beyond
    (at,) = re.findall(r'<circle cx="([\d.]+)"', beyond)
    zero = float(re.findall(r'<line x1="([\d.]+)"', beyond)[0])
    assert (float(at) - zero) / (190 - 10) == pytest.approx(10 / 40, abs=0.01)
