"""Accuracy against known truth; one module per analyzer with `measure(ctx) -> list[Row]`, found by the analyzer's name."""
