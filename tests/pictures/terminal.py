"""Make a picture of terminal output: an SVG that scrolls through it once and stays at the end.

The same text always gives the same file. It loads no font and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html import escape

COLUMNS, ROWS = 112, 30
CELL_WIDTH, LINE_HEIGHT, FONT_SIZE = 8, 18, 13
MARGIN, BAR = 14, 30
SECONDS_PER_LINE, SECONDS_AT_END = 0.11, 8

ESCAPE = re.compile(r"\x1b\[([\d;?]*)([A-Za-z])")
# Colours of the terminal by their codes, readable on the background.
COLOURS = {
    31: "#ff7b72",
    32: "#7ee787",
    33: "#e3b341",
    34: "#79c0ff",
    35: "#d2a8ff",
    36: "#56d4dd",
    90: "#8b949e",
}
PLAIN, BACKGROUND, FRAME = "#e6edf3", "#0d1117", "#30363d"

Run = tuple[str, str]


def runs(line: str) -> list[Run]:
    """Return the parts of a line with their colours."""
    found: list[Run] = []
    colour, at = PLAIN, 0
    # A progress line is written over the one before.
    line = line.rstrip("\r").rsplit("\r", 1)[-1]
    for code in [*ESCAPE.finditer(line), None]:
        text = line[at : code.start() if code else len(line)].expandtabs()
        if text:
            found.append((text, colour))
        if code:
            at = code.end()
            colour = _colour(code[1], colour) if code[2] == "m" else colour
    return found


def _colour(codes: str, before: str) -> str:
    numbers = [int(code) for code in codes.split(";") if code.isdigit()]
    # Bold black is how Ansible writes grey.
    if 30 in numbers and 1 in numbers:
        return COLOURS[90]
    known = [COLOURS[number] for number in numbers if number in COLOURS]
    return known[-1] if known else (PLAIN if not any(numbers) else before)


def wrapped(line: Sequence[Run], columns: int = COLUMNS) -> Iterator[list[Run]]:
    """Yield a line as the rows that a terminal makes of it; an empty line is one row."""
    row: list[Run] = []
    free = columns
    for text, colour in line:
        rest = text
        while len(rest) > free:
            yield [*row, (rest[:free], colour)]
            rest, row, free = rest[free:], [], columns
        row.append((rest, colour))
        free -= len(rest)
    yield row


def svg(text: str, title: str) -> str:
    """Return the picture of a text with escape codes for colours."""
    lines = [list(row) for line in text.rstrip().split("\n") for row in wrapped(runs(line))]
    rows = min(ROWS, len(lines))
    width, height = COLUMNS * CELL_WIDTH + 2 * MARGIN, rows * LINE_HEIGHT + BAR + MARGIN
    drawn = "\n".join(_line(row, number) for number, row in enumerate(lines) if row)
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">
<title>{escape(title)}</title>
<style>
text {{ font: {FONT_SIZE}px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; white-space: pre; }}
{_animation(len(lines), rows)}</style>
<rect width="{width}" height="{height}" rx="8" fill="{BACKGROUND}" stroke="{FRAME}"/>
<text x="{width // 2}" y="20" fill="{COLOURS[90]}" text-anchor="middle">{escape(title)}</text>
<svg x="{MARGIN}" y="{BAR}" width="{COLUMNS * CELL_WIDTH}" height="{rows * LINE_HEIGHT}">
<g class="lines" transform="translate(0 {(rows - len(lines)) * LINE_HEIGHT})">
{drawn}
</g>
</svg>
</svg>
"""


def _animation(lines: int, rows: int) -> str:
    """Return the style that moves the lines up one by one, then rests; nothing for output that fits the window."""
    steps = lines - rows
    if not steps:
        return ""
    scrolls = steps * SECONDS_PER_LINE
    whole = scrolls + SECONDS_AT_END
    end = f"transform: translate(0, {-steps * LINE_HEIGHT}px);"
    return f"""@media (prefers-reduced-motion: no-preference) {{
.lines {{ animation: scroll {whole:.1f}s infinite; }}
@keyframes scroll {{
0% {{ transform: translate(0, 0); animation-timing-function: steps({steps}); }}
{100 * scrolls / whole:.1f}%, 100% {{ {end} }}
}} }}
"""


def _line(row: Sequence[Run], number: int) -> str:
    y = number * LINE_HEIGHT + FONT_SIZE
    drawn, column = [], 0
    for text, colour in row:
        shown = text.strip()
        if shown:
            x = (column + len(text) - len(text.lstrip())) * CELL_WIDTH
            place = f'x="{x}" textLength="{len(shown) * CELL_WIDTH}"'
            fill = "" if colour == PLAIN else f' fill="{colour}"'
            drawn.append(f"<tspan {place}{fill}>{escape(shown, quote=False)}</tspan>")
        column += len(text)
    return f'<text y="{y}" fill="{PLAIN}">{"".join(drawn)}</text>' if drawn else ""
