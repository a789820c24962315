"""Buffers that are not alive at the same time share memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .places import Array
from .steps import Buffer, Memory, Step, Storage, arrays_of

# Words that read what they have written already, if that is in the place of an operand.
NOT_IN_PLACE = {
    "dot", "matmul", "vecdot", "einsum", "take", "sum", "max", "scatter", "zero", "copy",
    "where", "maximum", "minimum", "power",
}  # fmt: skip


def last_reads(steps: Sequence[Step]) -> dict[int, int]:
    """The last step that reads or writes each buffer."""
    return {x.buffer: i for i, step in enumerate(steps) for x in arrays_of(step)}


def stored(
    buffers: Sequence[Buffer], steps: Sequence[Step], kept: Iterable[int]
) -> Storage:
    """Memory for the buffers that steps compute; ``kept`` are read after the last step."""
    shared = {i for i, b in enumerate(buffers) if b.kind == "work" and not b.ones}
    lasting, last = {*kept}, last_reads(steps)
    memories, of, free = list[Memory](), dict[int, int](), list[int]()
    for i, step in enumerate(steps):
        dying = [
            x.buffer
            for x in dict.fromkeys(arrays_of(step))
            if last[x.buffer] == i and x.buffer in shared - lasting
        ]
        target = step.out.buffer
        if target in shared and target not in of:
            heir = inherited(step, dying, buffers)
            if heir is None:
                of[target] = allotted(buffers[target], memories, free)
            else:
                of[target] = of[heir]
                dying.remove(heir)
        free += dict.fromkeys(of[b] for b in dying)
    return Storage(memories, of)


def inherited(
    step: Step, dying: Sequence[int], buffers: Sequence[Buffer]
) -> int | None:
    """An operand's buffer that a step may write over, number by number."""
    if step.word in NOT_IN_PLACE:
        return None
    size = buffers[step.out.buffer].slots
    for x in step.args:
        if (
            isinstance(x, Array)
            and x.buffer in dying
            and x.buffer != step.out.buffer
        ):
            places = [a[1:] for a in arrays_of(step) if a.buffer == x.buffer]
            if {*places} == {step.out[1:]} and buffers[x.buffer].slots == size:
                return x.buffer
    return None


def allotted(buffer: Buffer, memories: list[Memory], free: list[int]) -> int:
    """Memory that is free and fits, or new memory."""
    fitting = [
        m
        for m in free
        if memories[m].rows == buffer.rows and memories[m].slots >= buffer.slots
    ]
    if fitting:
        best = min(fitting, key=lambda m: memories[m].slots)
        free.remove(best)
        return best
    memories.append(Memory(buffer.slots, buffer.rows))
    return len(memories) - 1
