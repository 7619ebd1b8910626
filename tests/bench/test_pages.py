"""Pages that are generated: what they link to is there."""

from __future__ import annotations

import re

from bench.reference_page import reference_page


def test_links_within_the_reference_lead_somewhere() -> None:
    page = reference_page()
    anchors = {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in re.findall(r"^#+ (.*)$", page, re.MULTILINE)}
    links = set(re.findall(r"\]\(#([^)]*)\)", page))
    assert len(links) > 50 and links <= anchors
