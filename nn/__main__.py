"""The command ``glassgrad``: autograd's, behind nn's check that it is glassgrad's autograd.

HIPS's package, which has the same import name and no command line, comes before an editable installation.
"""

from autograd.__main__ import main as main

if __name__ == "__main__":
    main()
