"""The benchmark of the model cache: its mix of clips, and that room for all means that everything is loaded once."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace

import pytest
from bench.cache import KINDS, MIX_CLIPS, MODELS, TIGHT, WEIGHTS, mix_through, mixed

from reelscope.models.catalog import Catalog
from reelscope.models.manager import ModelManager
from reelscope.models.sessions import ModelSession, SessionRequest


def test_the_mix_is_the_same_every_time_and_knows_every_model() -> None:
    assert mixed() == mixed() and Counter(mixed()) == dict(zip(KINDS, WEIGHTS, strict=True)) and len(mixed()) == MIX_CLIPS
    assert {m for members in KINDS.values() for names in members for m in names} == set(MODELS)


def opened(request: SessionRequest) -> ModelSession:
    return SimpleNamespace(device="cpu", bytes=request.source.memory("cpu"), close=lambda: None)  # type: ignore[return-value]


@pytest.mark.parametrize("share", ["none", "1", str(TIGHT)])
def test_twenty_clips(share: str) -> None:
    """What they ask for is the same with any room; how much of it is there is not."""
    needed = sum(Catalog().source_of(name).memory("cpu") for name in MODELS)
    budget = None if share == "none" else round(needed * float(share))
    with ModelManager({"cpu": budget}, open_session=opened, release=lambda: None) as manager:
        found = mix_through(manager, budget, needed)
    assert found["hits"] + found["misses"] == 50
    if share == str(TIGHT):
        assert found["misses"] > len(MODELS) and found["held_mib"] <= found["budget_mib"]
    else:
        assert (found["misses"], found["evictions"], found["over_budget"]) == (len(MODELS), 0, 0)
