"""Empty, but for an installation that HIPS's package spoilt, whose ``import autograd`` begins with tracer.py.

A folder comes before a file of the same name: so that import, too, says what is wrong, not what is missing.
"""

from autograd.alone import trouble

if _trouble := trouble():
    raise ImportError(_trouble)
