"""Workers that are killed at random while many clips are on their way: every document is complete and the same as in a quiet run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.clips import moving_frames, tone, write_clip
from tests.faults.chaos import Killer
from tests.faults.tools import Place, same

CLIPS, KINDS = 50, 5


@pytest.mark.slow
def test_fifty_clips_while_workers_are_killed(place: Place, tmp_path: Path, record_property: pytest.RecordProperty) -> None:
    kinds = [write_clip(tmp_path / f"{i}.mp4", moving_frames(45 + 5 * i, seed=i), sound=tone(1.5)) for i in range(KINDS)]
    clips = [kinds[i % KINDS] for i in range(CLIPS)]
    work = {"do": "work", "s": 0.01}
    place.control.set(
        **{name: work | {"phase": "feed"} for name in ("people", "cut_analysis", "color_analysis")},
        **{name: work | {"phase": "finish"} for name in ("audio_analysis", "temporal_flow", "body_pose")},
    )
    with place.session(faults={"tries": 1000}, optimisation={"clips_in_flight": 2}) as session:
        quiet = {clip: session.analyze(clip).document for clip in kinds}
        passes = []
        with Killer(session, seed=3, pause_s=(0.3, 0.8), most_s=40.0, least=5) as killer:
            for clip, analysis in session.analyze_many(clips):
                if isinstance(analysis, Exception):
                    raise analysis
                same(analysis.document, quiet[Path(clip)])
                passes.append(analysis.document.run.passes)
        assert session.engine._pool is not None and session.engine._pool.in_use == 0
    assert len(passes) == CLIPS
    assert len(killer.killed) >= 5 and sum(p > 1 for p in passes) >= 3
    print(f"{CLIPS} clips; killed: {' '.join(killer.killed)}; passes: {passes}")
