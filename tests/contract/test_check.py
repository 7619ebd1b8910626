"""What the nineteen give passes the checks under which plugins run: the checks ask for nothing that they do not keep themselves."""

from __future__ import annotations

import pytest

from reelscope.analyzers.check import check_result
from tests.contract.conftest import CLIPS, Analysed


@pytest.mark.parametrize("clip", CLIPS)
def test_the_checks_hold_for_the_nineteen(clip: str, analysed: Analysed) -> None:
    document = analysed(clip)
    for entry in document.analyzers.values():
        check_result(entry, document.media.duration_s)
