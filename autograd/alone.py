"""Whether glassgrad has its folder to itself: HIPS's package is named autograd, too.

Installed into one environment, the files of both lie in one folder, and ``__init__.py`` is the later one's.
When one of them is uninstalled, it takes that file along.
"""

from pathlib import Path

THEIRS, SHARED = "tracer.py", "__init__.py"
WAY_OUT = "pip uninstall -y autograd glassgrad, then install the one you want; for both, make two environments"


def trouble(folder: Path = Path(__file__).parent) -> str:
    """What is wrong with the installation in this folder, and the way out; "" if nothing is."""
    if (folder / THEIRS).exists():
        what = "glassgrad and HIPS's package autograd have the same import name and were installed together"
    elif not (folder / SHARED).exists():
        what = "glassgrad lost a file when another package with the import name autograd was uninstalled"
    else:
        return ""
    return f"{what}, in {folder}: {WAY_OUT}"
