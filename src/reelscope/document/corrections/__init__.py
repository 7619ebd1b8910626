"""What people mend: words, speakers' names, shots and labels, kept beside the measurement and never in it. docs/corrections.md.

    edit  --planned-->  corrections (an overlay, by the clip's sha256)  --corrected(document, overlay)-->  the document as it is shown

A correction says where its place is by what was measured there (analyzer, times, value, box, neighbours), so that it is found again in
another analysis of the same clip; where that is not certain it is listed as unplaced.
"""

from __future__ import annotations

from reelscope.document.corrections.apply import Corrected, Outcome, corrected
from reelscope.document.corrections.fields import EDITABLE, Editable
from reelscope.document.corrections.files import FILE_NAME, beside, read_corrections
from reelscope.document.corrections.plan import planned
from reelscope.document.corrections.shapes import Correction, Corrections, Edit

__all__ = [
    "EDITABLE",
    "FILE_NAME",
    "Corrected",
    "Correction",
    "Corrections",
    "Edit",
    "Editable",
    "Outcome",
    "beside",
    "corrected",
    "planned",
    "read_corrections",
]
