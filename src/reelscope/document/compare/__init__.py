"""Documents side by side: two by shot and figure, many as distributions and, where views are known, with effect sizes.

Pure functions of what stands in the files; method, formulas and limits: docs/compare.md.
"""

from __future__ import annotations

__all__: list[str] = []
