"""A line chart as SVG, without any plotting package."""

from collections.abc import Sequence
from html import escape

WIDTH, HEIGHT = 640, 260
LEFT, RIGHT, TOP, BOTTOM = 60, 24, 30, 34  # margins
NUM_TICKS = 5
Points = Sequence[tuple[float, float]]


def line_chart(points: Points, *, x: str, y: str) -> str:
    """One line through the points, with axes; empty for fewer than two points.

    Args:
        x, y: names of the axes.
    """
    if len(points) < 2:
        return ""
    xs, ys = [p[0] for p in points], [p[1] for p in points]
    low, high = min(ys), max(ys)
    room = (high - low) * 0.05 or abs(high) * 0.05 or 1.0
    low, high = low - room, high + room
    first, last = min(xs), max(xs)

    def place(px: float, py: float) -> tuple[float, float]:
        across = (px - first) / ((last - first) or 1.0)
        up = (py - low) / (high - low)
        return LEFT + across * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM)

    placed = " ".join(f"{a:.1f},{b:.1f}" for a, b in (place(*p) for p in points))
    parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(y)} over {escape(x)}">']
    for number in range(NUM_TICKS):
        share = number / (NUM_TICKS - 1)
        across, up = first + share * (last - first), low + share * (high - low)
        left, height = place(across, up)
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{height:.1f}" y2="{height:.1f}" class="grid"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{height + 4:.1f}" text-anchor="end">{up:.3g}</text>')
        parts.append(f'<text x="{left:.1f}" y="{HEIGHT - BOTTOM + 15}" text-anchor="middle">{across:.0f}</text>')
    parts.append(f'<text x="{WIDTH / 2:.0f}" y="{HEIGHT - 3}" text-anchor="middle">{escape(x)}</text>')
    parts.append(f'<text x="12" y="{TOP - 14}">{escape(y)}</text>')
    parts.append(f'<polyline points="{placed}" class="line"/></svg>')
    return "".join(parts)
