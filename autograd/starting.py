"""Ctrl-C while a command is still importing ends it without a word; in other programs it is as ever."""

import os
import signal
import sys
from collections.abc import Sequence
from typing import Any

INTERRUPTED = 130  # the exit code after Ctrl-C, by custom
COMMAND, PACKAGES = "glassgrad", ("autograd", "nn")


def is_command(argv: Sequence[str], words: Sequence[str]) -> bool:
    """Whether Python was started for the command line, from its arguments and its words, while it imports."""
    program = argv[0] if argv else ""
    if program == "-m":  # until Python knows the module's file
        return words[words.index("-m") + 1] in PACKAGES if "-m" in words else False
    name, suffix = os.path.splitext(os.path.basename(program))
    return name == COMMAND and suffix != ".py"


def leave(*_: object) -> None:
    """Ends the process; nothing was printed or written yet."""
    os._exit(INTERRUPTED)


def begin() -> None:
    """From here Ctrl-C ends a command."""
    default: Any = signal.default_int_handler
    if is_command(sys.argv, sys.orig_argv) and signal.getsignal(signal.SIGINT) is default:
        signal.signal(signal.SIGINT, leave)


def end() -> None:
    """From here Ctrl-C raises KeyboardInterrupt again."""
    if signal.getsignal(signal.SIGINT) is leave:
        signal.signal(signal.SIGINT, signal.default_int_handler)
