"""Preparation of pictures for SigLIP (scene_segmentation) and CLIP (content_quality), and distances, without a network."""

from __future__ import annotations

import numpy as np
import pytest

from reelscope.analyzers.content_quality import QualityFigures
from reelscope.analyzers.content_quality import _clip as clip
from reelscope.analyzers.scene_segmentation import SceneLink
from reelscope.analyzers.scene_segmentation import _embed as siglip


@pytest.mark.parametrize("shape", [(1, 1), (60, 40), (480, 270), (270, 480)])
def test_siglip_sees_the_whole_picture_squeezed(shape: tuple[int, int]) -> None:
    rgb = np.zeros((*shape, 3), np.uint8)
    rgb[..., 0], rgb[..., 1] = 255, 51
    given = siglip.prepare([rgb, rgb])
    assert given.shape == (2, 3, 224, 224) and given.dtype == np.float32
    np.testing.assert_allclose(given[1, :, 0, 0], [1.0, -0.6, -1.0], atol=1e-6)


def test_cosine_distance_of_shots() -> None:
    x, y = np.array([1.0, 0.0]), np.array([0.0, 1.0])
    assert siglip.embedding_distance([x], [x]) == pytest.approx(0)
    assert siglip.embedding_distance([x], [y]) == pytest.approx(1)
    assert siglip.embedding_distance([x], [-x]) == pytest.approx(2)
    # of 25 pairs one alone is near: it does not join what does not belong together
    assert siglip.embedding_distance([x] + [y] * 4, [x] + [-y] * 4) > 0.9


@pytest.mark.parametrize("shape", [(1, 1), (224, 224), (540, 960), (1920, 1080), (300, 200)])
def test_clip_sees_the_middle_square(shape: tuple[int, int]) -> None:
    rgb = np.zeros((*shape, 3), np.uint8)
    side = min(shape)
    top, left = (shape[0] - side) // 2, (shape[1] - side) // 2
    rgb[top : top + side, left : left + side] = 200
    square = clip.centre_crop(rgb)
    assert square.shape == (224, 224, 3) and (square == 200).all()


def test_clip_normalises_as_it_was_trained() -> None:
    given = clip.prepare([np.full((224, 224, 3), 255, np.uint8), np.zeros((224, 224, 3), np.uint8)])
    assert given.shape == (2, 3, 224, 224) and given.dtype == np.float32
    np.testing.assert_allclose(given[0, :, 3, 3], [1.930336, 2.074884, 2.145897], rtol=1e-5)
    np.testing.assert_allclose(given[1, :, 3, 3], [-1.792263, -1.752099, -1.480220], rtol=1e-5)


def test_fields_of_other_backends_do_not_stand_in_the_document() -> None:
    """The embedded backends' results are as they were before there were others."""
    assert "clip_iqa" not in QualityFigures().model_dump()
    assert QualityFigures(clip_iqa=0.5).model_dump()["clip_iqa"] == 0.5
    link = {"shots": (0, 1), "palette_distance": 0.1, "layout_distance": 0.1, "distance": 0.2}
    assert "embedding_distance" not in SceneLink.model_validate(link).model_dump()
    again = SceneLink.model_validate_json(SceneLink.model_validate(link | {"embedding_distance": 0.25}).model_dump_json())
    assert again.embedding_distance == 0.25
