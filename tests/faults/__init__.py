"""Faults on real processes: what they do to the document, and that nothing of them is left."""
