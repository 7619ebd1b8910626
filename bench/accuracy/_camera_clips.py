"""A virtual camera over real pictures: clips whose camera path is known exactly.

A clip is a crop window that moves over a still or over a static take: its centre, its width and its turn follow a path, the frames are
cut out with one affine warp each. Everything that the camera analyzer states can be computed from the path without looking at a pixel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

__all__ = ["Part", "Recipe", "Source", "load_sources", "recipe", "render", "shake_recipe"]

FPS = 30.0
OUT = {"portrait": (270, 480), "landscape": (480, 270), "square": (270, 270)}
STILL_FILES = ("face-obama-portrait.jpg", "face-two-men.jpg")
STILL_FRAMES = (  # (clip, second): frames taken at native size
    ("vertical-selfie-man-office.mp4", 1.0),
    ("vertical-woman-lake-zoom-out.mp4", 9.0),
    ("dog-and-woman-driveway.mp4", 2.0),
    ("children-jumping-bed.mp4", 2.0),
    ("title-animation-bbb-30s.webm", 6.0),
    ("edited-beauty-captions-ru.mp4", 2.0),
    ("scenedetect-fades-testvideo.mp4", 9.0),
    ("stage-applause-handheld.mp4", 4.0),
)
STILL_PHOTOS = ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg", "motorcycle_left.png")
TAKES = (  # (clip, first second, seconds, least share of its area in the window): static shots in which people, animals or cars move
    ("dog-and-woman-driveway.mp4", 0.0, 6.0, 0.28),
    ("vertical-selfie-man-office.mp4", 0.0, 6.0, 0.4),
    ("coffee-pour-hands.mp4", 0.0, 6.0, 0.5),
    ("cars-top-down.mp4", 4.0, 6.0, 0.5),
    ("talking-woman-flag-512.mp4", 0.0, 6.0, 0.6),
)  # closer, the subject alone fills the picture: no background is left that could tell the camera's motion from the subject's


@dataclass(slots=True)
class Source:
    """A still (one picture) or a take (pictures with times): uint8 rgb [h, w, 3] each."""

    name: str
    pictures: list[np.ndarray]
    t_s: np.ndarray
    least_share: float = 0.0

    def at(self, t_s: float) -> np.ndarray:
        return self.pictures[min(len(self.pictures) - 1, int(np.searchsorted(self.t_s, t_s + 1e-6, side="right")) - 1)]


@dataclass(frozen=True, slots=True)
class Part:
    """What is true of a stretch of the clip.

    `moves`: all moves that the path holds, the one that moves the picture's points furthest first. `speed_fw_s`: net translation of
    the picture over its length, frame widths per second. `zoom_factor`: scale at the end over scale at the start. `roll_rad`: net turn.
    """

    start_s: float
    end_s: float
    moves: tuple[str, ...]
    speed_fw_s: float
    zoom_factor: float
    roll_rad: float


@dataclass(slots=True)
class Recipe:
    """Path of the crop window: centre [n, 2] and width [n] in pixels of the source, turn [n] in radians; the truth of its parts."""

    source: Source
    kind: str
    size: tuple[int, int]
    centre: np.ndarray
    width: np.ndarray
    turn: np.ndarray
    parts: list[Part] = field(default_factory=list)
    shake_fw: float = 0.0

    @property
    def frames(self) -> int:
        return len(self.width)


def load_sources(media: Path | None) -> tuple[list[Source], list[Source]]:
    """(stills, takes); without the shared media the stills are scikit-image's photographs only."""
    import cv2
    import skimage

    folder = Path(skimage.__file__).parent / "data"
    stills = [Source(name, [cv2.cvtColor(cv2.imread(str(folder / name)), cv2.COLOR_BGR2RGB)], np.zeros(1)) for name in STILL_PHOTOS]
    if media is None:
        return stills, []
    for name in STILL_FILES:
        stills.append(Source(name, [cv2.cvtColor(cv2.imread(str(media / name)), cv2.COLOR_BGR2RGB)], np.zeros(1)))
    for name, second in STILL_FRAMES:
        stills.append(Source(f"{name}@{second}", _pictures(media / name, second, 0.0)[0][:1], np.zeros(1)))
    takes = [Source(name, *_pictures(media / name, start, length), share) for name, start, length, share in TAKES]
    return stills, takes


def _pictures(path: Path, start_s: float, length_s: float) -> tuple[list[np.ndarray], np.ndarray]:
    import av

    pictures: list[np.ndarray] = []
    times: list[float] = []
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        first = None
        for frame in container.decode(stream):
            first = frame.time if first is None else first
            t = frame.time - first
            if t < start_s - 1e-6:
                continue
            pictures.append(frame.to_ndarray(format="rgb24"))
            times.append(t - start_s)
            if t >= start_s + length_s:
                break
    return pictures, np.array(times) - times[0]


def render(r: Recipe) -> Iterator[np.ndarray]:
    """The frames, uint8 rgb [h, w, 3]; sources much larger than the window are smoothed first (no aliasing)."""
    import cv2

    out_w, out_h = r.size
    scale = min(1.0, out_w / float(np.sqrt(r.width.min() * r.width.max())))
    key, base, kx, ky = -1, r.source.pictures[0], 1.0, 1.0
    for i in range(r.frames):
        picture = r.source.at(i / FPS)
        if id(picture) != key:
            key = id(picture)
            h, w = picture.shape[:2]
            base = cv2.resize(picture, (round(w * scale), round(h * scale)), interpolation=cv2.INTER_AREA) if scale < 1 else picture
            kx, ky = base.shape[1] / w, base.shape[0] / h
        k = r.width[i] / out_w
        c, s = k * np.cos(r.turn[i]), k * np.sin(r.turn[i])
        m = np.array([[c, -s, 0.0], [s, c, 0.0]])
        m[:, 2] = r.centre[i] - m[:, :2] @ np.array([(out_w - 1) / 2, (out_h - 1) / 2])
        m = np.array([[kx], [ky]]) * m + np.array([[0, 0, (kx - 1) / 2], [0, 0, (ky - 1) / 2]])  # pixel centres of the scaled picture
        yield cv2.warpAffine(base, m, (out_w, out_h), flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REFLECT_101)


def inside(r: Recipe) -> bool:
    """Whether the crop window stays within the source all the time."""
    h, w = r.source.pictures[0].shape[:2]
    half = np.array([r.width / 2, r.width / 2 * r.size[1] / r.size[0]])
    ok = True
    for sx in (-1, 1):
        for sy in (-1, 1):
            x = r.centre[:, 0] + np.cos(r.turn) * half[0] * sx - np.sin(r.turn) * half[1] * sy
            y = r.centre[:, 1] + np.sin(r.turn) * half[0] * sx + np.cos(r.turn) * half[1] * sy
            ok &= bool((x >= 0).all() and (y >= 0).all() and (x <= w - 1).all() and (y <= h - 1).all())
    return ok


def picture_motion(r: Recipe) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Per pair of frames, what the picture does: translation [n-1, 2] in frame widths, ln scale [n-1], turn [n-1] (clockwise +)."""
    step = np.diff(r.centre, axis=0)
    back = -r.turn[:-1]
    local = np.stack([np.cos(back) * step[:, 0] - np.sin(back) * step[:, 1], np.sin(back) * step[:, 0] + np.cos(back) * step[:, 1]], 1)
    return -local / r.width[1:, None], -np.diff(np.log(r.width)), -np.diff(r.turn)


def truth(r: Recipe, first: int, last: int, moves: Sequence[str]) -> Part:
    """The part from frame `first` to frame `last`, its figures from the path."""
    move, zoom, turn = (a[first:last] for a in picture_motion(r))
    length = (last - first) / FPS
    return Part(first / FPS, last / FPS, tuple(moves), float(np.hypot(*move.sum(0))) / length, float(np.exp(zoom.sum())), float(turn.sum()))


Ease = Callable[[np.ndarray], np.ndarray]
EASES: tuple[Ease, ...] = (lambda u: u, lambda u: u, lambda u: 0.7 * u + 0.3 * (0.5 - 0.5 * np.cos(np.pi * u)))
MOVES = ("static", "pan_left", "pan_right", "tilt_up", "tilt_down", "zoom_in", "zoom_out", "roll", "handheld")
COMBINED = (
    ("pan_left", "zoom_in"),
    ("pan_right", "zoom_out"),
    ("pan_right", "tilt_up"),
    ("tilt_down", "zoom_in"),
    ("pan_left", "handheld"),
    ("zoom_in", "handheld"),
    ("zoom_out", "roll"),
)


def shaking(rng: np.random.Generator, n: int, rms: float) -> np.ndarray:
    """Hand shake: noise between 0.8 and 7 Hz falling with frequency (as hand-held footage does), [n] of that RMS."""
    m = max(n, 256)
    f = np.fft.rfftfreq(m, 1 / FPS)
    with np.errstate(divide="ignore"):
        amplitude = np.where((f >= 0.8) & (f <= 7.0), 1.0 / np.maximum(f, 0.8), 0.0)
    wave = np.fft.irfft(amplitude * np.exp(2j * np.pi * rng.random(len(f))), m)[:n]
    return wave * rms / max(1e-12, float(np.sqrt(np.mean(wave**2))))


def _step(rng: np.random.Generator, move: str, n: int, u: np.ndarray) -> dict[str, np.ndarray]:
    """One move as changes of x, y (frame widths, of the window), ln width, turn; and its shake."""
    zero = np.zeros(n)
    out = {"x": zero.copy(), "y": zero.copy(), "s": zero.copy(), "r": zero.copy(), "shake": zero.copy()}
    seconds = n / FPS
    if move in {"pan_left", "pan_right"}:
        out["x"] = (-1 if move == "pan_left" else 1) * u * seconds * float(np.exp(rng.uniform(np.log(0.04), np.log(0.5))))
    elif move in {"tilt_up", "tilt_down"}:
        out["y"] = (-1 if move == "tilt_up" else 1) * u * seconds * float(np.exp(rng.uniform(np.log(0.04), np.log(0.4))))
    elif move in {"zoom_in", "zoom_out"}:
        out["s"] = (-1 if move == "zoom_in" else 1) * u * float(np.log(rng.uniform(1.15, 2.2)))
    elif move == "roll":
        out["r"] = float(rng.choice([-1, 1])) * u * seconds * np.radians(float(rng.uniform(4, 15)))
    elif move == "handheld":
        rms = float(np.exp(rng.uniform(np.log(0.004), np.log(0.016))))
        out["x"], out["y"] = shaking(rng, n, rms), shaking(rng, n, rms * 0.8)
        out["r"] = shaking(rng, n, np.radians(rng.uniform(0.1, 0.4)))
        out["shake"] += rms
    return out


def balanced(moves, x, y, s, turn, a: int, b: int, size: tuple[int, int], shake: float) -> bool:  # type: ignore[no-untyped-def]
    """Whether combined moves can all be seen: the weakest goes at least a quarter as far as the strongest, and 6 times the shake."""
    radius = float(np.hypot(*size) / np.sqrt(12) / size[0])
    far = {"p": abs(x[b] - x[a]), "t": abs(y[b] - y[a]), "z": abs(s[b] - s[a]) * radius, "r": abs(turn[b] - turn[a]) * radius}
    travels = [far[m[0]] for m in moves if m[0] in far]
    if len(moves) < 2 or not travels:
        return True
    return min(travels) >= 0.25 * max(travels) and ("handheld" not in moves or min(travels) >= 6 * shake)


def recipe(rng: np.random.Generator, source: Source, plan: Sequence[tuple[Sequence[str], float]], *, tries: int = 400) -> Recipe | None:
    """A clip that does the plan's moves one after the other: [(moves at the same time, seconds)]; None where the source is too small."""
    h, w = source.pictures[0].shape[:2]
    for _ in range(tries):
        shape = "square" if max(h, w) / min(h, w) < 1.2 and rng.random() < 0.5 else str(rng.choice(["portrait", "landscape"]))
        size = OUT[shape]
        largest = min(w, h * size[0] / size[1])
        width0 = largest * float(rng.uniform(0.3, 1.0))
        xs, ys, ss, rs = [np.zeros(1)], [np.zeros(1)], [np.zeros(1)], [np.zeros(1)]
        edges = [0]
        shake = 0.0
        for moves, seconds in plan:
            n = round(seconds * FPS)
            u = EASES[int(rng.integers(len(EASES)))](np.arange(1, n + 1) / n)
            steps = [_step(rng, m, n, u) for m in moves]
            for series, key in ((xs, "x"), (ys, "y"), (ss, "s"), (rs, "r")):
                series.append(series[-1][-1] + sum(s[key] for s in steps))
            edges.append(edges[-1] + n)
            shake += float(sum(s["shake"][0] for s in steps))
        x, y, s, turn = (np.concatenate(v) for v in (xs, ys, ss, rs))
        width = width0 * np.exp(s - s.max() if s.max() > 0 else s)
        if width.min() < size[0] * 0.4 or width.max() ** 2 * size[1] / size[0] < source.least_share * w * h:
            continue
        step = np.stack([np.diff(x), np.diff(y)], 1) * width[:-1, None]
        path = np.concatenate([np.zeros((1, 2)), np.cumsum(step, 0)])
        span = np.array([w, h]) - 1
        r = Recipe(
            source, "", size, path + span / 2 - (path.min(0) + path.max(0)) / 2, width, turn - (turn.min() + turn.max()) / 2, shake_fw=shake
        )
        slack = (span - (path.max(0) - path.min(0)) - np.array([1, size[1] / size[0]]) * width.max()) / 2
        r.centre = r.centre + np.maximum(0, slack) * rng.uniform(-0.8, 0.8, 2)
        if not inside(r):
            continue
        if not all(balanced(moves, x, y, s, turn, a, b, size, shake) for (moves, _), a, b in zip(plan, edges[:-1], edges[1:], strict=True)):
            continue
        for (moves, _), a, b in zip(plan, edges[:-1], edges[1:], strict=True):
            r.parts.append(truth(r, a, b, moves))
        r.kind = " > ".join("+".join(m) for m, _ in plan)
        return r
    return None


def shake_recipe(rng: np.random.Generator, source: Source, seconds: float, amplitudes: Sequence[float]) -> list[Recipe]:
    """The same shake at several amplitudes (RMS of the horizontal path, frame widths)."""
    h, w = source.pictures[0].shape[:2]
    size = OUT["portrait"] if rng.random() < 0.5 else OUT["landscape"]
    width = min(w, h * size[0] / size[1]) * float(rng.uniform(0.6, 0.75))
    n = round(seconds * FPS) + 1
    x, y, turn = shaking(rng, n, 1.0), shaking(rng, n, 0.8), shaking(rng, n, np.radians(20.0))
    out = []
    for a in amplitudes:
        centre = np.array([w - 1, h - 1]) / 2 + np.stack([x, y], 1) * a * width
        out.append(Recipe(source, f"shake {a}", size, centre, np.full(n, width), turn * a, shake_fw=a))
    return out
