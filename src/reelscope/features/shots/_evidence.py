"""What speaks for a cut between two frames: the change itself, against the changes around it, where it lies, and what becomes of it.

The figures are inputs of the fitted model (`_model`); none decides alone. Three ideas carry most of it. A cut is one frame long:
continuous motion agrees with the frame before or after it, so the optical flow into the first frame of a shot differs from both its
neighbours, also when a jump cut moves a head by no more than a nod would. A cut is everywhere: a caption that pops up leaves the cells
around it calm. A cut stays: after a flash the picture before it comes back.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reelscope.features.shots._measure import FrameRow

__all__ = ["LOOK_AROUND", "NAMES", "evidence", "worth_a_look"]

# Frames before and after that are looked at: a photo flash with its decay is over after four to eight frames at 30 per second.
LOOK_AROUND = 8
# Neighbours that a change is compared with.
NEAR = 3
# Smallest differences that mean anything: luma steps, px of flow, shares of the histogram. They keep the ratios of still pictures at 1.
LUMA_EPS, FLOW_EPS, HIST_EPS = 0.3, 0.05, 0.01
# Gradient over which a cell counts as textured; weight of a cell stops growing at MAX_EDGE, so that captions do not outweigh faces.
TEXTURED_EDGE, MAX_EDGE = 2.0, 12.0
# A cell stands out when its residual is this much above the mean of its two largest around (factor, and luma steps on top).
STANDS_OUT, STANDS_OUT_BY = 1.6, 1.0
# Share of glaring changed pixels (near-white ones come or go by more than 50) from which a cell and its neighbours may be caption.
OVERLAY_SHARE = 0.04

NAMES = (
    *("raw", "residual", "flow", "flow_jump", "thumb", "hist", "ncc", "edge"),
    *("raw_ratio", "raw_ratio1", "residual_ratio", "residual_ratio1", "flow_jump_ratio", "flow_jump_q50", "flow_jump_q75"),
    *("raw_q25", "raw_q50", "raw_q75", "hist_ratio", "thumb_ratio", "zoom_jump"),
    *("spike_share", "spike_rows", "spike_cols", "border", "fill", "concentration", "textured"),
    *("revert", "unrevert", "mean_step", "std_step", "edge_dip"),
    *("gain", "loss", "asymmetry", "glare", "glare_share", "calm_raw", "calm_residual", "calm_flow_jump"),
    *("raw_before", "raw_after"),
)


def worth_a_look(rows: Sequence[FrameRow], c: int) -> bool:
    """Whether the change into rows[c] is a local maximum of the plain or the motion-compensated difference; cuts always are."""
    before = rows[c - 1] if c > 1 else None
    after = rows[c + 1] if c + 1 < len(rows) else None
    here = rows[c]
    for of in (_raw, _residual):
        value = of(here)
        if value > MIN_CHANGE and all(value > of(r) for r in (before, after) if r is not None):
            return True
    return False


# Mean luma steps at 90 px under which nothing can be told from noise.
MIN_CHANGE = 0.15


def _raw(row: FrameRow) -> float:
    return float(row.raw.mean())


def _residual(row: FrameRow) -> float:
    return float(row.residual.mean())


def evidence(rows: Sequence[FrameRow], c: int) -> np.ndarray:
    """Figures (float32, in the order of NAMES) for the change into rows[c], c >= 1; the change into rows[0] is not known."""
    near = [k for k in range(max(1, c - NEAR), min(len(rows), c + NEAR + 1)) if k != c]
    here, before = rows[c], rows[c - 1]
    f: dict[str, float] = {}
    raw, residual = _stack(rows, near, "raw", here), _stack(rows, near, "residual", here)
    raw_mean, residual_mean = raw.mean((1, 2)), residual.mean((1, 2))
    next_to = [j for j, k in enumerate(near) if abs(k - c) == 1] or [0]
    f["raw"], f["residual"] = _log(_raw(here) + LUMA_EPS), _log(_residual(here) + LUMA_EPS)
    f["raw_ratio"] = _ratio(_raw(here), _second(raw_mean), LUMA_EPS)
    f["raw_ratio1"] = _ratio(_raw(here), raw_mean[next_to].max(), LUMA_EPS)
    f["residual_ratio"] = _ratio(_residual(here), _second(residual_mean), LUMA_EPS)
    f["residual_ratio1"] = _ratio(_residual(here), residual_mean[next_to].max(), LUMA_EPS)
    quantiles = np.quantile(raw.reshape(len(raw), -1), (0.25, 0.5, 0.75), axis=1).max(1)
    for name, own, other in zip(("raw_q25", "raw_q50", "raw_q75"), np.quantile(here.raw, (0.25, 0.5, 0.75)), quantiles, strict=True):
        f[name] = _ratio(own, other, LUMA_EPS)
    f["raw_before"] = _log(np.mean([m for m, k in zip(raw_mean, near, strict=False) if k < c] or [0.0]) + LUMA_EPS)
    f["raw_after"] = _log(np.mean([m for m, k in zip(raw_mean, near, strict=False) if k > c] or [0.0]) + LUMA_EPS)
    textured = (here.edge > TEXTURED_EDGE) | (before.edge > TEXTURED_EDGE)
    f["textured"] = float(textured.mean())
    _motion(f, rows, c, near, textured)
    _place(f, here, residual, textured)
    _undone(f, rows, c, near)
    _overlay(f, rows, c, near, textured)
    return np.array([f[name] for name in NAMES], np.float32)


def _motion(f: dict[str, float], rows: Sequence[FrameRow], c: int, near: list[int], textured: np.ndarray) -> None:
    here = rows[c]
    jumps = {k: _flow_jump(rows, k) for k in [*near, c]}
    weighted = {k: float(np.average(j, weights=np.minimum(rows[k].edge, MAX_EDGE) + 1e-3)) for k, j in jumps.items()}
    f["flow"] = _log(float(np.hypot(here.u, here.v).mean()) + FLOW_EPS)
    f["flow_jump"] = _log(weighted[c] + FLOW_EPS)
    f["flow_jump_ratio"] = _ratio(weighted[c], max([weighted[k] for k in near], default=0.0), FLOW_EPS)
    where = textured if textured.any() else np.ones_like(textured)
    for name, q in (("flow_jump_q50", 0.5), ("flow_jump_q75", 0.75)):
        own = {k: float(np.quantile(j[where], q)) for k, j in jumps.items()}
        f[name] = _ratio(own[c], max([own[k] for k in near], default=0.0), FLOW_EPS)
    zoom = _zoom(here)
    f["zoom_jump"] = _log(max([abs(zoom - _zoom(rows[k])) for k in near if abs(k - c) == 1], default=0.0) + 1e-3)
    glaring = np.zeros((here.glare.shape[0] + 2, here.glare.shape[1] + 2), bool)
    glare = here.glare > OVERLAY_SHARE
    for dy in range(3):  # a caption's box reaches into the neighbouring cells
        for dx in range(3):
            glaring[dy : dy + glare.shape[0], dx : dx + glare.shape[1]] |= glare
    calm = ~glaring[1:-1, 1:-1]
    if calm.mean() < 0.2:
        calm = np.ones_like(calm)
    f["calm_raw"] = _ratio(here.raw[calm].mean(), max([rows[k].raw[calm].mean() for k in near], default=0.0), LUMA_EPS)
    f["calm_residual"] = _ratio(here.residual[calm].mean(), max([rows[k].residual[calm].mean() for k in near], default=0.0), LUMA_EPS)
    both = calm & textured if (calm & textured).any() else calm
    f["calm_flow_jump"] = _ratio(jumps[c][both].mean(), max([jumps[k][both].mean() for k in near], default=0.0), FLOW_EPS)


def _place(f: dict[str, float], here: FrameRow, around: np.ndarray, textured: np.ndarray) -> None:
    worst = np.sort(around, 0)[-2:].mean(0)
    spike = here.residual > STANDS_OUT * worst + STANDS_OUT_BY
    f["spike_share"] = float((spike & textured).sum() / max(1, textured.sum()))
    f["spike_rows"], f["spike_cols"] = float(spike.any(1).mean()), float(spike.any(0).mean())
    edge = np.zeros_like(spike)
    edge[0] = edge[-1] = edge[:, 0] = edge[:, -1] = True
    f["border"] = float((spike & edge & textured).sum() / max(1, (edge & textured).sum()))
    y, x = np.nonzero(spike)
    f["fill"] = len(y) / float((np.ptp(y) + 1) * (np.ptp(x) + 1)) if len(y) else 0.0
    over = np.sort(np.clip(here.residual - worst, 0, None).ravel())
    f["concentration"] = float((over[-max(1, over.size // 10) :].sum() + 1e-3) / (over.sum() + 1e-2))


def _undone(f: dict[str, float], rows: Sequence[FrameRow], c: int, near: list[int]) -> None:
    here, before = rows[c], rows[c - 1]
    step = _distance(here, before)
    f["thumb"] = _log(step + LUMA_EPS)
    f["thumb_ratio"] = _ratio(step, max([_distance(rows[k], rows[k - 1]) for k in near], default=0.0), LUMA_EPS)
    later = [_distance(before, rows[k]) for k in range(c + 2, min(len(rows), c + LOOK_AROUND))]
    earlier = [_distance(here, rows[k]) for k in range(max(0, c - LOOK_AROUND), c - 2)]
    f["revert"] = min(min(later) / (step + LUMA_EPS), 3.0) if later else 1.0
    f["unrevert"] = min(min(earlier) / (step + LUMA_EPS), 3.0) if earlier else 1.0
    f["hist"] = 1 - float(here.hist @ before.hist)
    f["hist_ratio"] = _ratio(f["hist"], max([1 - float(rows[k].hist @ rows[k - 1].hist) for k in near], default=0.0), HIST_EPS)
    f["ncc"] = _ncc(here.thumb, before.thumb)
    f["mean_step"] = min(3.0, abs(here.mean - before.mean) / 20)
    f["std_step"] = min(3.0, abs(here.std - before.std) / 10)


def _overlay(f: dict[str, float], rows: Sequence[FrameRow], c: int, near: list[int], textured: np.ndarray) -> None:
    here, before = rows[c], rows[c - 1]
    gain, loss = float(here.gain.mean()), float(here.loss.mean())
    f["gain"], f["loss"] = _log(gain + 0.1), _log(loss + 0.1)
    f["asymmetry"] = abs(f["gain"] - f["loss"])
    f["glare"] = float(here.glare.mean())
    f["glare_share"] = f["glare"] / (float((here.raw > 25).mean()) + 0.02)
    edge = (float(here.edge.mean()) + float(before.edge.mean())) / 2
    outer = (float(rows[max(0, c - NEAR)].edge.mean()) + float(rows[min(len(rows) - 1, c + NEAR)].edge.mean())) / 2
    f["edge"], f["edge_dip"] = _log(edge + 0.5), _ratio(edge, outer, 0.5)


def _stack(rows: Sequence[FrameRow], near: list[int], name: str, here: FrameRow) -> np.ndarray:
    maps = [getattr(rows[k], name) for k in near]
    return np.stack(maps) if maps else np.zeros((1, *getattr(here, name).shape), np.float32)


def _flow_jump(rows: Sequence[FrameRow], k: int) -> np.ndarray:
    """Distance of each cell's flow to the nearer one of the flow a frame earlier and a frame later, px."""
    row = rows[k]
    gaps = [np.hypot(row.u - rows[q].u, row.v - rows[q].v) for q in (k - 1, k + 1) if 1 <= q < len(rows)]
    return np.minimum.reduce(gaps) if gaps else np.zeros_like(row.u)


def _zoom(row: FrameRow) -> float:
    """Natural log of the scale in the least-squares similarity of the flow, textured cells first."""
    h, w = row.u.shape
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    weight = np.minimum(row.edge, MAX_EDGE) + 1e-3
    x -= np.average(x, weights=weight)
    y -= np.average(y, weights=weight)
    return float((weight * (x * row.u + y * row.v)).sum() / ((weight * (x * x + y * y)).sum() + 1e-3) / 10)


def _distance(a: FrameRow, b: FrameRow) -> float:
    """Mean absolute difference of thumbnails, overall brightness aside."""
    d = a.thumb - b.thumb
    return float(np.abs(d - d.mean()).mean())


def _ncc(a: np.ndarray, b: np.ndarray) -> float:
    x, y = a - a.mean(), b - b.mean()
    return float((x * y).mean() / (x.std() * y.std() + 1.0))


def _log(x: float) -> float:
    return float(np.log(max(x, 1e-3)))


def _ratio(x: float, y: float, eps: float) -> float:
    return float(np.log((x + eps) / (y + eps)))


def _second(values: np.ndarray) -> float:
    """Mean of the two largest."""
    return float(np.sort(values)[-2:].mean())
