"""Scenes: shelves with cans, bottles and cartons, drawn from a seed. Nothing is anybody's photo."""

from __future__ import annotations

import random
from typing import Any

WIDTH, HEIGHT = 160, 120
BOARDS = (56, 112)  # where the two boards lie: what stands on one ends there
SIZES = {"can": (12, 20), "bottle": (10, 36), "carton": (18, 30)}
COLOURS = ((196, 44, 48), (40, 110, 190), (52, 150, 84), (230, 180, 40), (120, 70, 160), (225, 225, 220))


def scene(draw: random.Random, store: int) -> tuple[Any, list[dict[str, Any]]]:
    """Return a picture as a PIL image (RGB, 160 x 120), and the boxes of what stands in it, from left to right.

    Args:
        draw: decides what stands where.
        store: gives wall and light their colour.
    """
    from PIL import Image, ImageDraw

    wall = (150 + 7 * store, 200 - 5 * store, 170 + 3 * (store % 4))
    picture = Image.new("RGB", (WIDTH, HEIGHT), wall)
    pen = ImageDraw.Draw(picture)
    boxes: list[dict[str, Any]] = []
    for board in BOARDS:
        pen.rectangle((0, board, WIDTH - 1, board + 4), fill=(110, 80, 50))
        x = draw.randrange(2, 16)
        while True:
            kind = draw.choice(list(SIZES))
            width, height = (round(side * draw.uniform(0.8, 1.25)) for side in SIZES[kind])
            if x + width >= WIDTH - 2:
                break
            if draw.random() < 0.75:
                _product(pen, kind, (x, board - height, x + width - 1, board - 1), draw.choice(COLOURS))
                boxes.append({"box": [x, board - height, width, height], "class": kind})
            x += width + draw.randrange(2, 12)
    return picture, sorted(boxes, key=lambda one: one["box"][0])


def _product(pen: Any, kind: str, edges: tuple[int, int, int, int], colour: tuple[int, int, int]) -> None:
    left, top, right, bottom = edges
    dark = tuple(part * 2 // 3 for part in colour)
    if kind == "can":
        pen.rectangle((left, top + 2, right, bottom), fill=colour, outline=dark)
        pen.ellipse((left, top, right, top + 4), fill=(205, 205, 210), outline=dark)
    elif kind == "bottle":
        middle, neck = (left + right) // 2, top + (bottom - top) // 3
        pen.rectangle((middle - 1, top, middle + 2, neck), fill=dark)
        pen.rounded_rectangle((left, neck, right, bottom), 3, fill=colour, outline=dark)
        pen.rectangle((left + 1, (neck + bottom) // 2, right - 1, (neck + bottom) // 2 + 5), fill=(240, 240, 235))
    else:
        pen.rectangle(edges, fill=colour, outline=dark)
        pen.line((left, top + 5, right, top + 5), fill=dark)
        pen.polygon([(left + 3, bottom - 4), (right - 3, bottom - 4), ((left + right) // 2, top + 9)], fill=(245, 245, 240))
