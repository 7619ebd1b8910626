"""`python -m bench.engine`: what the engine costs and saves; docs/speed.md says how each figure is made."""
