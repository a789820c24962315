"""Ctrl-C while a command is still importing ends it without a word; in other programs it is as ever.

This begins with the import of this module, and ends where the command begins.
"""

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

INTERRUPTED = 130  # the exit code after Ctrl-C, by custom
COMMAND, PACKAGES = "glassgrad", ("autograd", "nn")


def is_command(argv: Sequence[str], words: Sequence[str]) -> bool:
    """Whether Python was started for the command line, from its arguments and its words, while it imports."""
    program = Path(argv[0] if argv else "")
    if program.name == "-m":  # until Python knows the module's file
        return "-m" in words and words[words.index("-m") + 1] in PACKAGES
    return program.stem == COMMAND and program.suffix != ".py"


def leave(*_: object) -> None:
    """Ends the process; nothing was printed or written yet."""
    os._exit(INTERRUPTED)


def begin() -> None:
    """From here Ctrl-C ends a command."""
    default: Any = signal.default_int_handler
    if (
        is_command(sys.argv, sys.orig_argv)
        and signal.getsignal(signal.SIGINT) is default
    ):
        signal.signal(signal.SIGINT, leave)


def end() -> None:
    """From here Ctrl-C raises KeyboardInterrupt again."""
    if signal.getsignal(signal.SIGINT) is leave:
        signal.signal(signal.SIGINT, signal.default_int_handler)


begin()
