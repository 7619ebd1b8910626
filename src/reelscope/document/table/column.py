"""What a column of the table is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["PARTS", "WHY", "Column", "Kind"]

Kind = Literal["text", "int", "float", "bool"]
WHY = "_why"


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        name: With the unit as suffix, as in the document.
        kind: Type of its cells.
        unit: In words; empty for counts and texts.
        meaning: One sentence for the page.
        source: `analyzer` or `insight` by name, a part of the document (`media`, `run`, ...), or `table` for what the table itself says.
        path: Where the value stands in that part; `key[field=value]` takes the first entry of a list with that value.
        equals: For a bool that is a text in the document: the text that is true; any other text is false.
        keys: For a text that is a mapping in the document: its keys, joined by blanks.
        why: Paths in the same part (for an analyzer from its entry) at which the reason of a null stands, beside `not_measured`.
        absent: What a null without any reason means, where the document's field says so.
    """

    name: str
    kind: Kind
    unit: str
    meaning: str
    source: str
    path: str
    equals: str | None = None
    keys: bool = False
    why: tuple[str, ...] = ()
    absent: str | None = None

    @property
    def measured(self) -> bool:
        """Whether the value was measured, so that a twin says why where it was not."""
        return self.source not in PARTS


PARTS = ("table", "document", "source", "media", "run")
"""Sources whose columns are facts of the file or of the run. All others are analyzers or insights."""
