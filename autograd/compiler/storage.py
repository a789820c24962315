"""Buffers that are not alive at the same time share memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

from .steps import Buffer, Memory, Step, Storage, arrays_of

# Words that read what they have written already, if that is in the place of an operand.
NOT_IN_PLACE = {
    "dot", "matmul", "vecdot", "einsum", "take", "sum", "max", "scatter", "zero", "copy",
    "where", "masked", "maximum", "minimum", "power",
}  # fmt: skip


def last_reads(steps: Sequence[Step]) -> dict[int, int]:
    """The last step that reads or writes each buffer."""
    return {x.buffer: i for i, step in enumerate(steps) for x in arrays_of(step)}


def stored(
    buffers: Sequence[Buffer], steps: Sequence[Step], kept: Iterable[int]
) -> Storage:
    """Memory for the buffers that steps compute; ``kept`` are read after the last step."""
    sharing = Sharing(buffers, last_reads(steps), {*kept})
    for i, step in enumerate(steps):
        sharing.after(i, step)
    return Storage(sharing.memories, sharing.of)


class Sharing:
    """Which buffer has which memory, step by step."""

    def __init__(
        self, buffers: Sequence[Buffer], last: dict[int, int], kept: set[int]
    ) -> None:
        self.buffers, self.last, self.kept = buffers, last, kept
        self.memories, self.of = list[Memory](), dict[int, int]()
        self.free = list[int]()

    def after(self, i: int, step: Step) -> None:
        """Gives memory to what a step computes, and takes that of what it reads last."""
        target, ending = step.out.buffer, self.ending(i, step)
        if self.is_shared(target) and target not in self.of:
            heir = next(filter(partial(self.inherits, step), ending), None)
            if heir is None:
                self.of[target] = self.allotted(target)
            else:
                self.of[target] = self.of[heir]
                ending.remove(heir)
        self.free += map(self.of.__getitem__, ending)

    def ending(self, i: int, step: Step) -> list[int]:
        """The buffers that nobody reads after a step."""
        touched = sorted({x.buffer for x in arrays_of(step)})
        return [b for b in touched if self.ends(b, i)]

    def is_shared(self, buffer: int) -> bool:
        return self.buffers[buffer].kind == "work" and not self.buffers[buffer].ones

    def ends(self, buffer: int, i: int) -> bool:
        """Whether nobody reads it after this step."""
        lasting = buffer in self.kept or not self.is_shared(buffer)
        return self.last[buffer] == i and not lasting

    def inherits(self, step: Step, buffer: int) -> bool:
        """Whether a step may write over this operand, number by number."""
        places = {x[1:] for x in arrays_of(step) if x.buffer == buffer}
        sizes = {self.buffers[b].slots for b in (buffer, step.out.buffer)}
        alike = places == {step.out[1:]} and len(sizes) == 1
        return buffer != step.out.buffer and alike and step.word not in NOT_IN_PLACE

    def allotted(self, buffer: int) -> int:
        """Memory that is free and fits, or new memory."""
        slots, rows = self.buffers[buffer].slots, self.buffers[buffer].rows
        sizes = {
            m: self.memories[m].slots
            for m in self.free
            if self.memories[m].rows == rows
        }
        fitting = [m for m, size in sizes.items() if size >= slots]
        if fitting:
            best = min(fitting, key=lambda m: sizes[m])
            self.free.remove(best)
            return best
        self.memories.append(Memory(slots, rows))
        return len(self.memories) - 1
