"""Gradients by theta and X put together from those of the arrays that are read.

A gradient is the blocks' gradients side by side.  What lies irregularly is taken by constant numbers, and what
overlaps is added: nothing is scattered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from .tensors import Tensor
from .unpacking import Block, Columns, Declare, Places, Theta, dense, places_of


@dataclass(frozen=True)
class Piece:
    """A part of a gradient: from where to where, and its text, which has one axis (two for X).

    ``number`` is the text of a single number, or of one for every row, without that axis.
    """

    start: int
    stop: int
    text: str
    number: str = ""


def pieces_of(
    theta: Theta, text: Callable[[Tensor], str], given: set[Tensor]
) -> tuple[list[Piece], list[Tensor]]:
    """The pieces of theta's gradient, and the leaves whose numbers lie irregularly."""
    pieces, odd = list[Piece](), list[Tensor]()
    for block, parts in theta.blocks.items():
        if fills(block, parts) and given >= {part.leaf for part in parts}:
            pieces.append(Piece(block.start, block.stop, beside(parts, text)))
        else:
            odd += [part.leaf for part in parts if part.leaf in given]
    for leaf in [x for x in theta.alone if x in given]:
        places = places_of(leaf)
        if not dense(places):
            odd.append(leaf)
            continue
        pieces.append(piece_of(places, text(leaf), flattened))
    return pieces, odd


def piece_of(
    places: Places, text: str, shaped: Callable[[str, Places], str]
) -> Piece:
    """A leaf whose numbers lie side by side."""
    first = int(places.flat[0])
    number = "" if places.ndim else text
    return Piece(first, first + places.size, shaped(text, places), number)


def flattened(text: str, places: Places) -> str:
    """With one axis."""
    if places.ndim == 1:
        return text
    return f"reshape({text}, ({-1 if places.ndim else 1},))"


def fills(block: Block, parts: Sequence[Columns]) -> bool:
    """Whether the leaves are all of the block's columns, once each."""
    at = 0
    for part in parts:
        if part.start != at:
            return False
        at = part.stop
    return at == block.width


def beside(parts: Sequence[Columns], text: Callable[[Tensor], str]) -> str:
    """Columns side by side, row after row."""
    if len(parts) == 1:
        return f"reshape({text(parts[0].leaf)}, (-1,))"
    columns = [
        text(part.leaf) if part.count else f"{text(part.leaf)}[:, None]"
        for part in parts
    ]
    return f"beside({', '.join(columns)})"


def layered(pieces: Iterable[Piece]) -> list[list[Piece]]:
    """Pieces that do not overlap, as many as fit together."""
    layers: list[list[Piece]] = []
    for piece in sorted(pieces, key=lambda p: (p.start, p.stop)):
        for layer in layers:
            if layer[-1].stop <= piece.start:
                layer.append(piece)
                break
        else:
            layers.append([piece])
    return layers


def stacked(layer: Sequence[Piece], end: str) -> list[Piece]:
    """A layer in which numbers that are neighbours are one array."""
    found: list[Piece] = []
    for piece in layer:
        last = found[-1] if found else piece
        if piece.number and last.number and last.stop == piece.start:
            numbers = f"{last.number}, {piece.number}"
            text = f"stack([{numbers}]{end})"
            found[-1] = Piece(last.start, piece.stop, text, numbers)
        else:
            found.append(piece)
    return found


def side_by_side(layer: Sequence[Piece], size: int, cut: str, axis: int) -> str:
    """A layer as one array, with zeros where it has no piece."""
    at, texts = 0, list[str]()
    end = f", axis={axis}" if axis else ""
    for piece in (*stacked(layer, end), Piece(size, size, "")):
        if piece.start > at:
            texts.append(
                f"zeros_like({cut.format(f'{at or str()}:{piece.start}')})"
            )
        if piece.text:
            texts.append(piece.text)
        at = piece.stop
    if len(texts) == 1:
        return texts[0]
    return f"concat([{', '.join(texts)}]{end})"


def inverse(places: Places, size: int) -> Places:
    """For every place, which numbers are added there; where there are none, the number behind the last."""
    flat = places.ravel()
    order = np.argsort(flat, kind="stable")
    counts = np.bincount(flat, minlength=size)
    firsts = np.cumsum(counts) - counts
    index = np.full((size, int(counts.max())), flat.size)
    ranked = flat[order]
    index[ranked, np.arange(flat.size) - firsts[ranked]] = order
    return index


def put_together(
    theta: Theta,
    text: Callable[[Tensor], str],
    given: set[Tensor],
    declare: Declare,
) -> str:
    """theta's gradient, from the texts of its leaves' adjoints."""
    pieces, odd = pieces_of(theta, text, given)
    terms = [side_by_side(x, theta.size, "theta[{}]", 0) for x in layered(pieces)]
    for leaf in odd:
        index = declare(inverse(places_of(leaf), theta.size))
        terms.append(f"gathered({text(leaf)}, {index})")
    return " + ".join(terms) or "zeros_like(theta)"


def put_inputs_together(
    leaves: Sequence[Tensor],
    text: Callable[[Tensor], str],
    size: int,
    declare: Declare,
) -> str:
    """The gradient by X, a row of it for every row."""
    pieces, terms = list[Piece](), list[str]()
    for leaf in leaves:
        places = places_of(leaf)
        if dense(places):
            pieces.append(piece_of(places, text(leaf), rowwise))
        else:
            index = declare(inverse(places, size))
            terms.append(f"gathered_rows({text(leaf)}, {index})")
    layers = [side_by_side(x, size, "X[:, {}]", 1) for x in layered(pieces)]
    return " + ".join([*layers, *terms]) or "zeros_like(X)"


def rowwise(text: str, places: Places) -> str:
    """With one axis beside that of the rows."""
    if places.ndim == 0:
        return f"{text}[:, None]"
    return text if places.ndim == 1 else f"reshape({text}, (-1, {places.size}))"
