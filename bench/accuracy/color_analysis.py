"""Accuracy of color_analysis: palettes of generated swatch clips, colour names, bars.

Clips are H.264 (4:2:0) at CRF 18-30 through the whole way of a clip. Seeds: REPORT_SEED makes the rows here; thresholds of the analyzer
were chosen on clips of TUNE_SEED only.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.accuracy.drive import run_analyzer
from bench.accuracy.rows import Context, Counts, Row
from reelscope.config import Settings
from reelscope.media.encode import ClipWriter
from reelscope.pipeline import Session

__all__ = ["TUNE_SEED", "measure"]

TUNE_SEED = 1000
REPORT_SEED = 2000
WIDTH_PX, HEIGHT_PX = 360, 640
LIMIT_DELTA_E = 3.0
APART_DELTA_E = 12.0  # between the swatches of one clip: nearer ones are shades that a palette may rightly join
PHOTO_CLIPS = ("dog-and-woman-driveway.mp4", "vertical-selfie-man-office.mp4", "cars-top-down.mp4", "stage-applause-handheld.mp4")
BASIC = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "grey", "white", "black")
# Our words that mean a shade of a basic colour term, for comparing with names from elsewhere
SHADE_OF = {
    "navy": "blue", "dark teal": "green", "teal": "green", "lavender": "purple", "violet": "purple", "plum": "purple", "tan": "brown",
    "olive": "green", "gold": "yellow", "coral": "orange", "peach": "orange", "magenta": "pink", "cream": "yellow",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Swatches:
    """Truth of one clip: sRGB colours and shares of the picture; photo: whether they lie on footage."""

    path: Path
    rgb: tuple[tuple[int, int, int], ...]
    share: tuple[float, ...]


def measure(ctx: Context) -> list[Row]:
    """Rows of color_analysis."""
    with Session(Settings()) as session:
        return _measure(ctx, session)


def _measure(ctx: Context, session: Session) -> list[Row]:
    rows = []
    count = 3 if ctx.quick else 20
    plain = [run(make_plain(ctx.work, REPORT_SEED + i), session) for i in range(count)]
    rows.append(_swatch_row("swatches filling the picture (3-6 a clip, CRF 18-30)", plain))
    rows.append(_share_row(plain))
    extra = sum(found for _, _, found in plain)
    total = sum(len(deltas) for deltas, _, _ in plain)
    rows.append(
        Row(
            "color_analysis",
            "palette colours that no swatch has (deltaE2000 > 6)",
            n=total,
            value=extra,
            unit="colours",
            goal="0",
            met=extra == 0,
        )
    )
    if ctx.media is None:
        rows.append(Row("color_analysis", "swatches on footage", note="no truth: the shared clips are not here"))
    else:
        photo = [run(make_on_footage(ctx.work, REPORT_SEED + i, ctx.media), session) for i in range(count)]
        rows.append(_swatch_row("swatches of 8-15 % on moving footage (2 a clip, CRF 18-30)", photo))
    rows.append(_names_row())
    rows.append(_bars_row(ctx, session))
    return rows


def delta_e(a: tuple[int, int, int], b: tuple[int, int, int]) -> float:
    """CIEDE2000 between two sRGB colours (skimage's)."""
    from skimage.color import deltaE_ciede2000, rgb2lab

    lab = rgb2lab(np.array([[a, b]], np.float64) / 255.0)
    return float(deltaE_ciede2000(lab[0, 0], lab[0, 1]))


def pick_colours(rng: np.random.Generator, count: int) -> list[tuple[int, int, int]]:
    """sRGB colours uniform in the cube, every sixth a grey, all APART_DELTA_E apart."""
    out: list[tuple[int, int, int]] = []
    while len(out) < count:
        new = rng.integers(0, 256, 3) if rng.random() > 1 / 6 else np.full(3, rng.integers(0, 256))
        colour = (int(new[0]), int(new[1]), int(new[2]))
        if all(delta_e(colour, other) >= APART_DELTA_E for other in out):
            out.append(colour)
    return out


def make_plain(work: Path, seed: int) -> Swatches:
    """A picture of 3-6 swatches as stripes, shares 6 % and up; still for a second."""
    rng = np.random.default_rng(seed)
    colours = pick_colours(rng, int(rng.integers(3, 7)))
    share = 0.06 + rng.dirichlet(np.ones(len(colours))) * (1 - 0.06 * len(colours))
    across = bool(rng.integers(0, 2))
    length = HEIGHT_PX if across else WIDTH_PX
    edges = np.round(np.concatenate([[0], np.cumsum(share)]) * length).astype(int)
    picture = np.zeros((HEIGHT_PX, WIDTH_PX, 3), np.uint8)
    for colour, start, end in zip(colours, edges, edges[1:], strict=False):
        picture[(slice(start, end), slice(None)) if across else (slice(None), slice(start, end))] = colour
    path = work / f"swatches-{seed}.mp4"
    with ClipWriter(path, WIDTH_PX, HEIGHT_PX, fps=8, crf=int(rng.choice([18, 24, 30]))) as clip:
        for _ in range(8):
            clip.frame(picture)
    return Swatches(path, tuple(colours), tuple(np.diff(edges) / length))


def make_on_footage(work: Path, seed: int, media: Path) -> Swatches:
    """Two swatches of 8-15 % of the picture on moving footage of the shared clips, for a second."""
    import av
    import cv2

    rng = np.random.default_rng(seed)
    colours = pick_colours(rng, 2)
    share = rng.uniform(0.08, 0.15, 2)
    source = media / PHOTO_CLIPS[seed % len(PHOTO_CLIPS)]
    path = work / f"footage-{seed}.mp4"
    boxes = []
    for i, s in enumerate(share):  # one in the upper half, one in the lower
        h = int(rng.integers(HEIGHT_PX // 5, HEIGHT_PX // 3))
        w = min(WIDTH_PX, round(s * WIDTH_PX * HEIGHT_PX / h))
        boxes.append((int(rng.integers(0, WIDTH_PX - w + 1)), int(rng.integers(0, HEIGHT_PX // 2 - h + 1)) + i * HEIGHT_PX // 2, w, h))
    with av.open(str(source)) as container, ClipWriter(path, WIDTH_PX, HEIGHT_PX, fps=8, crf=int(rng.choice([18, 24, 30]))) as clip:
        for frame, _ in zip(container.decode(video=0), range(8), strict=False):
            rgb = frame.to_ndarray(format="rgb24")
            scale = max(WIDTH_PX / rgb.shape[1], HEIGHT_PX / rgb.shape[0])
            size = (round(rgb.shape[1] * scale), round(rgb.shape[0] * scale))
            picture = cv2.resize(rgb, size, interpolation=cv2.INTER_LINEAR)[:HEIGHT_PX, :WIDTH_PX].copy()
            for colour, (x, y, w, h) in zip(colours, boxes, strict=True):
                picture[y : y + h, x : x + w] = colour
            clip.frame(picture)
    return Swatches(path, tuple(colours), tuple(w * h / (WIDTH_PX * HEIGHT_PX) for _, _, w, h in boxes))


def run(truth: Swatches, session: Session) -> tuple[list[float], list[float], int]:
    """deltaE2000 of each swatch to the nearest palette colour, error of its share, and how many palette colours no swatch explains."""
    from reelscope.analyzers.color_analysis._oklab import srgb8_of_hex

    palette = run_analyzer("color_analysis", truth.path, session=session).summary.palette
    found = [(srgb8_of_hex(c.hex), c.share) for c in palette]
    table = np.array([[delta_e(colour, f) for f, _ in found] for colour in truth.rgb])
    nearest = table.argmin(axis=1)
    shares = [abs(found[int(j)][1] - s) for j, s in zip(nearest, truth.share, strict=True)]
    return [float(v) for v in table.min(axis=1)], shares, int((table.min(axis=0) > 6).sum())


def _swatch_row(what: str, results: list[tuple[list[float], list[float], int]]) -> Row:
    deltas = [d for one, _, _ in results for d in one]
    right = sum(d <= LIMIT_DELTA_E for d in deltas)
    return Row(
        "color_analysis",
        what + ": nearest palette colour within deltaE2000 3",
        n=len(deltas),
        value=right / len(deltas),
        goal="all",
        met=right == len(deltas),
        counts=Counts(right, 0, len(deltas) - right),
        note=f"median {np.median(deltas):.2f}, greatest {max(deltas):.2f}; {len(results)} clips",
    )


def _share_row(results: list[tuple[list[float], list[float], int]]) -> Row:
    errors = [100 * e for _, shares, _ in results for e in shares]
    return Row(
        "color_analysis",
        "share of each swatch, greatest error",
        n=len(errors),
        value=max(errors),
        unit="% of the picture",
        goal="<= 2",
        met=max(errors) <= 2,
        note=f"median {np.median(errors):.2f}",
    )


def _names_row() -> Row:
    """The CSS colours whose own name contains a basic term (darkslateblue: blue) against ours."""
    from PIL.ImageColor import colormap

    from reelscope.analyzers.color_analysis._names import name_of
    from reelscope.analyzers.color_analysis._oklab import srgb8_of_hex, srgb_to_oklab

    right = wrong = 0
    misses = []
    for css, code in colormap.items():
        term = _basic(css.replace("gray", "grey"))
        if term is None or not isinstance(code, str):
            continue
        ours = name_of(srgb_to_oklab(np.array(srgb8_of_hex(code), np.float64)))
        if term in ours or term == SHADE_OF.get(ours):
            right += 1
        else:
            wrong += 1
            misses.append(f"{css}: {ours}")
    return Row(
        "color_analysis",
        "names: basic colour term as in the CSS name",
        n=right + wrong,
        value=right / (right + wrong),
        counts=Counts(right, wrong, wrong),
        note="; ".join(misses),
    )


def _basic(name: str) -> str | None:
    """The last basic term in a name: the noun of `yellowgreen` and `slateblue`."""
    at = {term: name.rfind(term) for term in BASIC if term in name}
    return max(at, key=lambda term: at[term]) if at else None


def _bars_row(ctx: Context, session: Session) -> Row:
    """Generated letterbox, pillarbox, windowbox and none, over footage: kind and edges (within 1 % of the frame) right."""
    if ctx.media is None:
        return Row("color_analysis", "bars", note="no truth: the shared clips are not here")
    import av
    import cv2

    rng = np.random.default_rng(REPORT_SEED)
    names = sorted(p.name for p in ctx.media.glob("*.mp4"))
    tp = fp = fn = n = 0
    notes = []
    for i, name in enumerate(names[:4] if ctx.quick else names):
        with av.open(str(ctx.media / name)) as container:
            frames = [f.to_ndarray(format="rgb24") for f, _ in zip(container.decode(video=0), range(30), strict=False)]
        own = run_analyzer("color_analysis", ctx.media / name, session=session).segments
        for kind in ("none", "letterbox", "pillarbox", "windowbox"):
            n += 1
            top = int(rng.integers(16, 120)) if kind in ("letterbox", "windowbox") else 0
            left = int(rng.integers(12, 70)) if kind in ("pillarbox", "windowbox") else 0
            plain = 255 if i % 5 == 0 else 0
            path = ctx.work / f"bars-{i}-{kind}.mp4"
            with ClipWriter(path, WIDTH_PX, HEIGHT_PX, fps=15, crf=23) as clip:
                for rgb in frames:
                    picture = np.full((HEIGHT_PX, WIDTH_PX, 3), plain, np.uint8)
                    inner = (WIDTH_PX - 2 * left, HEIGHT_PX - 2 * top)
                    picture[top : HEIGHT_PX - top, left : WIDTH_PX - left] = cv2.resize(rgb, inner, interpolation=cv2.INTER_AREA)
                    clip.frame(picture)
            bars = max(run_analyzer("color_analysis", path, session=session).segments, key=lambda s: s.end_s - s.start_s).bars
            truth = (left / WIDTH_PX, top / HEIGHT_PX)
            if kind == "none":
                if bars and not any(s.bars for s in own):
                    fp += 1
                    notes.append(f"{name}: false {bars.kind}")
            elif bars and bars.kind == kind and abs(bars.xywh_norm[0] - truth[0]) <= 0.01 and abs(bars.xywh_norm[1] - truth[1]) <= 0.01:
                tp += 1
            else:
                fn += 1
                notes.append(f"{name}: {kind} {tuple(round(v, 3) for v in truth)} read as {bars and (bars.kind, bars.xywh_norm[:2])}")
    counts = Counts(tp, fp, fn)
    return Row(
        "color_analysis",
        "bars: kind, and edges within 1 %",
        n=n,
        value=counts.f1,
        unit="F1",
        goal=">= 0.9",
        met=(counts.f1 or 0) >= 0.9,
        counts=counts,
        note="; ".join(notes),
    )
