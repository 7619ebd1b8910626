"""What an exporter is given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict, Field

from reelscope.document.schema import Document

__all__ = ["ExportOptions", "Material", "title_of"]


class ExportOptions(BaseModel):
    """How exports are shaped. The defaults suit a vertical clip: few words at a time, two short lines, the spoken word lit up.

    Attributes:
        words_per_line: Most words of a subtitle's line.
        lines: Most lines of a subtitle.
        chars_per_line: Most characters of a line; a longer word stands alone on its own.
        highlight: Whether ASS lights up each word while it is spoken.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    words_per_line: int = Field(4, ge=1, le=20, description="Subtitles: most words of a line.")
    lines: int = Field(2, ge=1, le=4, description="Subtitles: most lines at a time.")
    chars_per_line: int = Field(22, ge=8, le=80, description="Subtitles: most characters of a line.")
    highlight: bool = Field(True, description="ASS: light up each word while it is spoken.")


@dataclass(frozen=True, slots=True)
class Material:
    """A document and what belongs to it.

    Attributes:
        document: As corrected, if anybody corrected it; read back from JSON, so its segments are plain bases with extra fields.
        keyframes: JPEG bytes by `ShotRow.keyframe`; some or all may be missing.
        title: What the clip is called, for headings inside of files; plain text of somebody else's making.
        clip: Path or address under which an editing program shall look for the clip; None where that is not known.
        options: How to shape it.
    """

    document: Document
    keyframes: Mapping[str, bytes] = field(default_factory=dict)
    title: str = "clip"
    clip: str | None = None
    options: ExportOptions = field(default_factory=ExportOptions)


def title_of(document: Document) -> str:
    """What to call the clip of a document: its file's name, else its address."""
    path = (document.source.path or "").replace("\\", "/").rstrip("/")
    return path.rpartition("/")[2] or document.source.url or "clip"
