"""Fits the cut model of feature `shots` and writes features/shots/_model.npz.

Material: generated edits over the shared takes with seed FIT_SEED (the accuracy figures use other seeds): 380 jump cuts, 200 cuts
between sources, 260 untouched takes with captions, flashes, a hand over the lens, camera jerks, whip pans, quick zooms and repeated
frames. With `--check` five fits without a fifth of the clips each are measured on the clips left out, which is the figure to expect of
footage that the fit never saw.

    .venv/bin/python -m bench.fit_cuts ../shared/media WORK_DIR [--out FILE] [--check]

scikit-learn (in locks/dev) does the fitting; nothing of it is needed to run the model.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

from bench.accuracy._cut_material import Clip, compose_join, compose_untouched, load_takes
from reelscope.features.shots import _model
from reelscope.features.shots._decide import MIN_SHOT_S
from reelscope.features.shots._evidence import LOOK_AROUND, NAMES, evidence, worth_a_look
from reelscope.features.shots._measure import FrameMeter

FIT_SEED = 11
JUMPS, JOINS, UNTOUCHED = 380, 200, 260
HARD = ("flash", "caption", "hand", "camera", "repeat")
FOLDS = 5


def figures(clip: Clip) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Figures [n, names], labels [n] and times [n] of the frames worth a look."""
    meter = FrameMeter()
    meter.begin(clip.frames.shape[2], clip.frames.shape[1])
    rows = [meter.measure(f, float(t)) for f, t in zip(clip.frames, clip.pts_s, strict=True)]
    cuts = {t.start_s for t in clip.truth}
    out, labels, times = [], [], []
    for i in range(1, len(rows)):
        low = max(0, i - LOOK_AROUND)
        around = rows[low : i + LOOK_AROUND + 1]
        if worth_a_look(around, i - low):
            out.append(evidence(around, i - low))
            labels.append(rows[i].pts_s in cuts)
            times.append(rows[i].pts_s)
    return np.array(out, np.float32).reshape(-1, len(NAMES)), np.array(labels, bool), np.array(times)


def fit(x: np.ndarray, y: np.ndarray) -> HistGradientBoostingClassifier:
    """Trees of eight leaves: pairs and triples of figures (large change AND calm neighbours AND not undone) are what the decision is
    made of."""
    model = HistGradientBoostingClassifier(
        max_iter=200, max_leaf_nodes=8, learning_rate=0.08, l2_regularization=1.0, min_samples_leaf=15, random_state=0
    )
    return model.fit(x, y)


def export(model: HistGradientBoostingClassifier, path: Path) -> None:
    """Write the trees as plain arrays."""
    trees = [stage[0].nodes for stage in model._predictors]
    shape = (len(trees), max(len(t) for t in trees))
    arrays = {
        n: np.zeros(shape, d)
        for n, d in (("feature", np.int16), ("threshold", np.float32), ("left", np.int16), ("right", np.int16), ("value", np.float32))
    }
    for i, t in enumerate(trees):
        n, leaf = len(t), t["is_leaf"].astype(bool)
        arrays["feature"][i, :n] = np.where(leaf, -1, t["feature_idx"])
        arrays["threshold"][i, :n] = t["num_threshold"]
        arrays["left"][i, :n], arrays["right"][i, :n] = t["left"], t["right"]
        arrays["value"][i, :n] = np.where(leaf, t["value"], 0)
    np.savez_compressed(path, names=np.array(NAMES), baseline=np.float64(model._baseline_prediction.ravel()[0]), **arrays)


def _events(times: np.ndarray, p: np.ndarray, threshold: float) -> list[float]:
    chosen: list[float] = []
    for i in np.argsort(-p):
        if p[i] >= threshold and all(abs(times[i] - t) > MIN_SHOT_S for t in chosen):
            chosen.append(float(times[i]))
    return chosen


def main(media: Path, work: Path, *, target: Path, check: bool) -> None:
    """Fit, write the trees to `target`, and with `check` print what clips left out of the fit get."""
    cv2.setNumThreads(1)
    takes = load_takes(media, work)
    made: list[tuple[str, Clip, tuple[np.ndarray, np.ndarray, np.ndarray]]] = []
    for kind, n in (("untouched", UNTOUCHED), ("jump", JUMPS), ("join", JOINS)):
        for i in range(n):
            rng = np.random.default_rng([FIT_SEED, i])
            clip = compose_untouched(rng, takes, extras=HARD) if kind == "untouched" else compose_join(rng, takes, jump=kind == "jump")
            data = figures(clip)
            clip.frames = clip.frames[:0]
            made.append((kind, clip, data))
    x, y = np.concatenate([d[0] for _, _, d in made]), np.concatenate([d[1] for _, _, d in made])
    export(fit(x, y), target)
    if not check:
        return
    sources = sorted({s for _, c, _ in made for s in c.source.split(" | ")})
    for threshold in (0.5, 0.65, 0.8):
        counts = {k: [0, 0, 0, 0.0] for k in ("untouched", "jump", "join")}
        for fold in range(FOLDS):
            out = set(sources[fold::FOLDS])
            held = [bool(out & set(c.source.split(" | "))) for _, c, _ in made]
            model = fit(
                np.concatenate([d[0] for (_, _, d), h in zip(made, held, strict=True) if not h]),
                np.concatenate([d[1] for (_, _, d), h in zip(made, held, strict=True) if not h]),
            )
            for (kind, clip, (x, _, times)), h in zip(made, held, strict=True):
                if not h:
                    continue
                events = _events(times, model.predict_proba(x)[:, 1], threshold) if len(x) else []
                step = 2.05 * float(np.median(np.diff(clip.pts_s)))
                hits = sum(any(abs(e - t.start_s) <= step for e in events) for t in clip.truth)
                for j, v in enumerate((hits, len(events) - hits, len(clip.truth) - hits, clip.pts_s[-1])):
                    counts[kind][j] += v
        print(threshold, {k: f"TP {v[0]} FP {v[1]} FN {v[2]} in {v[3]:.0f} s" for k, v in counts.items()})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Fit the cut model of feature `shots`.")
    parser.add_argument("media", type=Path, help="folder of real clips")
    parser.add_argument("work", type=Path, help="folder for what is prepared from them")
    parser.add_argument("--out", type=Path, default=Path(_model.__file__).with_name("_model.npz"))
    parser.add_argument("--check", action="store_true", help="measure five folds of clips left out")
    given = parser.parse_args()
    main(given.media, given.work, target=given.out, check=given.check)
