"""The source notes and peers' showpieces, run by this engine: ``python -m demos`` makes the gallery."""
