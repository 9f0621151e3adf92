# SPDX-License-Identifier: MIT
"""Read the series of a picture back from its SVG, in the numbers of its axes: by the labels of their ticks, as a reader does."""
import re
import xml.etree.ElementTree as ET

import numpy as np

SVG, LINK = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xlink}href"
ID = "series:"


def _groups(element, start):
    return [g for g in element.iter(SVG + "g") if g.get("id", "").startswith(start)]


def _ticks(axes, start, coordinate):
    """Position -> value, a line through all labelled ticks (slope, offset), and how far they reach; None where the labels
    are words."""
    at, value = [], []
    for tick in _groups(axes, start):
        label = "".join(tick.itertext()).strip()
        mark = next(tick.iter(SVG + "use"), None)
        if mark is not None and re.fullmatch(r"-?\d+(\.\d+)?", label):
            at.append(float(mark.get(coordinate)))
            value.append(float(label))
    if len(at) < 2:
        return None
    slope, offset = np.polyfit(at, value, 1)
    if np.max(np.abs(np.polyval((slope, offset), at) - value)) > 1e-3 * (max(value) - min(value)):
        raise ValueError(f"ticks {start} {value} are not linear in {at}")
    return slope, offset, max(value) - min(value)


def _points(group):
    """Where a series has its points: its marks, else the corners of its path."""
    marks = list(group.iter(SVG + "use"))
    if marks:
        return np.array([(float(m.get("x")), float(m.get("y"))) for m in marks])
    path = next(group.iter(SVG + "path"), None) if group.tag == SVG + "g" else group
    numbers = re.findall(r"-?\d+(?:\.\d+)?(?:e-?\d+)?", path.get("d"))
    return np.array(numbers, float).reshape(-1, 2)


def _axis(axes, name, coordinate, shared):
    """The scale of an axis; panels that share one show the labels at one of them only."""
    return _ticks(axes, name, coordinate) or next((s for a in shared if (s := _ticks(a, name, coordinate))), None)


def read(path):
    """Name of each series -> (x, y, reach of the x axis, of the y axis); y is None beside labels in words."""
    root = ET.parse(path).getroot()
    series = {}
    all_axes = _groups(root, "axes_")
    for axes in all_axes:
        left = _left(axes)
        x_scale = _axis(axes, "xtick_", "x", [a for a in all_axes if abs(_left(a) - left) < 0.1])
        y_scale = _ticks(axes, "ytick_", "y")
        for group in _groups(axes, ID):
            points = _points(group)
            x = np.polyval(x_scale[:2], points[:, 0])
            y = None if y_scale is None else np.polyval(y_scale[:2], points[:, 1])
            series[group.get("id")[len(ID):]] = x, y, x_scale[2], y_scale and y_scale[2]
    return series


def _left(axes):
    """The left edge of a panel: the first number of its background."""
    background = next(g for g in _groups(axes, "patch_"))
    return float(re.search(r"M (-?[\d.]+)", next(background.iter(SVG + "path")).get("d"))[1])


def differs(drawn, x, y):
    """What a series of a picture has otherwise than these values ('' = nothing), to a thousandth of the axis."""
    drawn_x, drawn_y, x_reach, y_reach = drawn
    if drawn_y is None:  # a bar, drawn from corner to corner
        drawn_x, x = np.array([drawn_x.min(), drawn_x.max()]), np.sort(x)
    if drawn_x.shape != x.shape:
        return f"{len(drawn_x)} points, {len(x)} values"
    for axis, have, want, reach in (("x", drawn_x, x, x_reach), ("y", drawn_y, y, y_reach)):
        if have is not None and (far := np.max(np.abs(have - want), initial=0.0)) > 1e-3 * reach:
            return f"{axis} is off by {far:g}, more than a thousandth of {reach:g}"
    return ""
