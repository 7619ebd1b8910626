"""Drawing the demo reel's frames: photographs from inside scikit-image under a moving camera, drawn parts, captions."""

from __future__ import annotations

import math
from functools import cache
from importlib.resources import files

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from reelscope.demo import live, timeline
from reelscope.demo.timeline import HEIGHT_PX, WIDTH_PX, Caption, Cutting, Shot, View

__all__ = ["Painter", "caption_boxes", "caption_image"]

OUTLINE_SHARE = 0.085  # outline as a share of the font size: readable over any picture, as caption tools draw it
WORD_GAP_SHARE = 0.36  # space between words likewise: the outline eats much of the typeface's own
LINE_SHARE = 1.16  # distance of base lines as a share of the font size
BOX_PAD_PX = (38, 26)  # of a filled plate around its text: at the sides, above and below
GLOW_STEP = 8  # light spots are drawn at an eighth of the size and enlarged: they are soft
GRAIN = 2.2  # standard deviation of the film grain put on enlarged photographs, which are too smooth otherwise


class Painter:
    """Makes frames one after the other; keeps the enlarged photograph of the shots in hand, not more."""

    def __init__(self) -> None:
        self._plates: dict[int, _Plate] = {}

    def frame(self, number: int) -> np.ndarray:
        """Frame `number` of the reel: uint8 [1920, 1080, 3], sRGB."""
        t_s = number / timeline.FPS
        old, new, transition, progress = timeline.layers_at(t_s)
        for gone in [i for i in self._plates if i < old]:
            del self._plates[gone]
        picture = self._shot(old, t_s) if transition is None or progress < 1 else None
        if transition is not None and new is not None:
            picture = _mix(transition, picture, lambda: self._shot(new, t_s), progress)
        for caption in (*timeline.CAPTIONS, timeline.WATERMARK):
            opacity = timeline.caption_opacity(caption, t_s)
            if opacity > 0:
                _stamp(picture, caption, opacity)
        return picture

    def _shot(self, index: int, t_s: float) -> np.ndarray:
        shot = timeline.SHOTS[index]
        if index not in self._plates:
            self._plates[index] = _Plate(shot)
        view = timeline.view_at(shot, t_s)
        picture = self._plates[index].picture(view)
        if shot.live != "none":
            _add_light(picture, shot, view, t_s)
        if shot.source == "drawn":
            _draw_card(picture, t_s)
        return picture


class _Plate:
    """A shot's photograph, enlarged once to what its closest view needs, so that a frame costs one affine warp."""

    def __init__(self, shot: Shot) -> None:
        if shot.source == "drawn":
            self._still: np.ndarray | None = _card()
            return
        photo = _photo(shot.source)
        margin_s = 0.4  # a transition shows the shot so long before and after its own interval
        times = np.linspace(shot.start_s - margin_s, shot.end_s + margin_s, 200)
        views = [timeline.view_at(shot, float(t)) for t in times]
        self._scale = HEIGHT_PX / min(v.height for v in views)
        reach = [(v.x, v.y, 0.53 * v.height * WIDTH_PX / HEIGHT_PX + 4, 0.52 * v.height + 4) for v in views]
        self._left = max(0, math.floor(min(x - w for x, _, w, _ in reach)))
        self._top = max(0, math.floor(min(y - h for _, y, _, h in reach)))
        right = min(photo.shape[1], math.ceil(max(x + w for x, _, w, _ in reach)))
        bottom = min(photo.shape[0], math.ceil(max(y + h for _, y, _, h in reach)))
        part = photo[self._top : bottom, self._left : right]
        self._pixels = _enlarge(part, self._scale)
        self._still = self._warp(views[0]) if shot.path.move == "static" else None

    def picture(self, view: View) -> np.ndarray:
        """A writable picture of what `view` frames."""
        return self._still.copy() if self._still is not None else self._warp(view)

    def _warp(self, view: View) -> np.ndarray:
        step = view.height / HEIGHT_PX * self._scale  # plate pixels per output pixel
        angle = math.radians(view.roll_deg)
        a, b = step * math.cos(angle), step * math.sin(angle)
        x, y = (view.x - self._left) * self._scale, (view.y - self._top) * self._scale
        # Pixel centres lie at i + 0.5 in every picture.
        half_w, half_h = WIDTH_PX / 2 - 0.5, HEIGHT_PX / 2 - 0.5
        matrix = np.array([[a, -b, x - 0.5 - a * half_w + b * half_h], [b, a, y - 0.5 - b * half_w - a * half_h]])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return cv2.warpAffine(self._pixels, matrix, (WIDTH_PX, HEIGHT_PX), flags=flags, borderMode=cv2.BORDER_REFLECT)


def _photo(name: str) -> np.ndarray:
    """A photograph from inside the scikit-image package, read as a file: skimage.data itself might download."""
    data = np.frombuffer(files("skimage").joinpath("data", name).read_bytes(), np.uint8)
    return cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


def _enlarge(photo: np.ndarray, scale: float) -> np.ndarray:
    size = (round(photo.shape[1] * scale), round(photo.shape[0] * scale))
    big = cv2.resize(photo, size, interpolation=cv2.INTER_CUBIC)
    soft = cv2.blur(big, (9, 9))
    big = cv2.addWeighted(big, 1.7, soft, -0.7, 0)
    tile = np.random.default_rng(1).normal(0, GRAIN, (256, 256, 1)).astype(np.float32).repeat(3, axis=2)
    tile = cv2.GaussianBlur(tile, (3, 3), 0.7) * 1.8  # grain is a little larger than a pixel
    for top in range(0, size[1], 256):
        for left in range(0, size[0], 256):
            part = big[top : top + 256, left : left + 256]
            cv2.add(part, tile[: part.shape[0], : part.shape[1]], dst=part, dtype=cv2.CV_8U)
    return big


def _mix(transition: Cutting, old: np.ndarray, newer, progress: float) -> np.ndarray:
    """The picture at `progress` (0-1) from the old shot to what `newer()` draws."""
    if transition.kind == "dissolve":
        return cv2.addWeighted(old, 1 - progress, newer(), progress, 0)
    if transition.kind == "fade":
        return cv2.convertScaleAbs(old, alpha=1 - 2 * progress) if progress < 0.5 else cv2.convertScaleAbs(newer(), alpha=2 * progress - 1)
    edge = round(WIDTH_PX * (1 - progress))  # the wipe's edge moves to the left and uncovers the new shot on its right
    old[:, edge:] = newer()[:, edge:]
    return old


def _add_light(picture: np.ndarray, shot: Shot, view: View, t_s: float) -> None:
    """Add soft light spots in place."""
    height, width = HEIGHT_PX // GLOW_STEP, WIDTH_PX // GLOW_STEP
    glow = np.zeros((height, width, 3), np.float32)
    on_lens = shot.live in live.ON_LENS
    zoom = 1.0 if on_lens else HEIGHT_PX / view.height
    boxes = []
    for puff in live.puffs_at(shot.live, t_s):
        x, y = puff.x, puff.y
        if not on_lens:
            x, y = (x - view.x) * zoom + WIDTH_PX / 2, (y - view.y) * zoom + HEIGHT_PX / 2
        radius = puff.radius * zoom / GLOW_STEP
        x, y = x / GLOW_STEP, y / GLOW_STEP
        x0, x1 = max(0, int(x - 2 * radius)), min(width, int(x + 2 * radius) + 1)
        y0, y1 = max(0, int(y - 2 * radius)), min(height, int(y + 2 * radius) + 1)
        if x0 >= x1 or y0 >= y1:
            continue
        gx = np.exp(-(((np.arange(x0, x1) - x) / radius) ** 2) * 1.5)
        gy = np.exp(-(((np.arange(y0, y1) - y) / radius) ** 2) * 1.5)
        glow[y0:y1, x0:x1] += (gy[:, None] * gx[None, :])[..., None] * np.array(puff.light, np.float32)
        boxes.append((x0, y0, x1, y1))
    if not boxes:
        return
    x0, y0 = min(b[0] for b in boxes), min(b[1] for b in boxes)
    x1, y1 = max(b[2] for b in boxes), max(b[3] for b in boxes)
    small = glow[y0:y1, x0:x1].clip(0, 255).astype(np.uint8)
    large = cv2.resize(small, ((x1 - x0) * GLOW_STEP, (y1 - y0) * GLOW_STEP), interpolation=cv2.INTER_LINEAR)
    part = picture[y0 * GLOW_STEP : y1 * GLOW_STEP, x0 * GLOW_STEP : x1 * GLOW_STEP]
    cv2.add(part, large, dst=part)


def _card() -> np.ndarray:
    """The end card's ground: a diagonal gradient with a little noise against banding."""
    y, x = np.mgrid[0:HEIGHT_PX, 0:WIDTH_PX].astype(np.float32)
    s = ((y / HEIGHT_PX) * 0.8 + (x / WIDTH_PX) * 0.2)[..., None]
    colour = (1 - s) * np.array([92, 40, 160], np.float32) + s * np.array([232, 84, 120], np.float32)
    colour += np.random.default_rng(2).normal(0, 1.2, (HEIGHT_PX, WIDTH_PX, 1)).astype(np.float32)
    return colour.clip(0, 255).astype(np.uint8)


def _draw_card(picture: np.ndarray, t_s: float) -> None:
    """A button that breathes with the beat, in place."""
    centre, radius = (WIDTH_PX // 2, 1120), 190 + 18 * live.beat_pulse(t_s)
    cv2.circle(picture, (centre[0] * 16, centre[1] * 16), round(radius * 16), (255, 255, 255), -1, cv2.LINE_AA, 4)
    turn = np.array([0.0, 2 / 3, 4 / 3]) * math.pi
    triangle = np.stack([centre[0] + 16 + 0.55 * radius * np.cos(turn), centre[1] + 0.55 * radius * np.sin(turn)], axis=1)
    cv2.fillConvexPoly(picture, np.round(triangle * 16).astype(np.int32), (214, 62, 110), cv2.LINE_AA, 4)


def _stamp(picture: np.ndarray, caption: Caption, opacity: float) -> None:
    """Lay a caption over the picture in place."""
    left, top, keep, colour = _stencil(caption, round(opacity, 4))
    part = picture[top : top + keep.shape[0], left : left + keep.shape[1]]
    cv2.add(cv2.multiply(part, keep, scale=1 / 255), colour, dst=part)


@cache
def _stencil(caption: Caption, opacity: float) -> tuple[int, int, np.ndarray, np.ndarray]:
    """Left, top, what stays of the picture (0-255) and what is added to it."""
    (left, top), rgba = caption_image(caption)
    alpha = rgba[..., 3:].astype(np.float32) * opacity
    keep = np.round(255 - alpha).astype(np.uint8).repeat(3, axis=2)
    return left, top, keep, np.round(rgba[..., :3] * (alpha / 255)).astype(np.uint8)


@cache
def caption_image(caption: Caption) -> tuple[tuple[int, int], np.ndarray]:
    """A caption as it is laid over: its left and top in the picture, and uint8 [h, w, 4] (R, G, B, alpha), cut to what is not clear."""
    ink = _letters(caption, caption.fill, caption.weight_px)  # the typeface has one weight: a stroke in its own colour makes it bold
    layers = [ink]
    if caption.outline is not None:
        layers.insert(0, _letters(caption, caption.outline, _outline_px(caption)))
    if caption.box is not None:
        x, y, width, height = _extent(ink)
        plate, (side, over) = _clear(caption.box), BOX_PAD_PX
        shape = (x - side, y - over, x + width + side - 1, y + height + over - 1)
        ImageDraw.Draw(plate).rounded_rectangle(shape, 28, fill=(*caption.box, 255))
        layers.insert(0, plate)
    canvas = layers[0]
    for layer in layers[1:]:
        canvas = Image.alpha_composite(canvas, layer)
    x, y, width, height = _extent(canvas)
    return (x, y), np.ascontiguousarray(np.asarray(canvas)[y : y + height, x : x + width])


def caption_boxes(caption: Caption) -> tuple[tuple[int, int, int, int], tuple[int, int, int, int]]:
    """x, y, width, height in pixels of all that a caption covers (outline and plate included), and of its letters' ink alone."""
    (left, top), rgba = caption_image(caption)
    return (left, top, rgba.shape[1], rgba.shape[0]), _extent(_letters(caption, caption.fill, caption.weight_px))


def _letters(caption: Caption, colour: tuple[int, int, int], stroke_px: int) -> Image.Image:
    layer = _clear(colour)
    draw, font = ImageDraw.Draw(layer), _font(caption.size_px)
    for origin, word in _words(caption):
        draw.text(origin, word, font=font, anchor="ls", fill=(*colour, 255), stroke_width=stroke_px, stroke_fill=(*colour, 255))
    return layer


def _clear(colour: tuple[int, int, int]) -> Image.Image:
    return Image.new("RGBA", (WIDTH_PX, HEIGHT_PX), (*colour, 0))


def _extent(layer: Image.Image) -> tuple[int, int, int, int]:
    left, top, right, bottom = layer.getchannel("A").getbbox()
    return left, top, right - left, bottom - top


def _words(caption: Caption) -> list[tuple[tuple[int, int], str]]:
    """Each word with the left end of its base line; lines are centred."""
    font = _font(caption.size_px)
    gap = WORD_GAP_SHARE * caption.size_px
    out = []
    for i, line in enumerate(caption.lines):
        base = caption.y_px + round(caption.size_px * (0.8 + LINE_SHARE * i))
        words = [(word, font.getlength(word)) for word in line.split()]
        x = caption.x_px - (sum(length for _, length in words) + gap * (len(words) - 1)) / 2
        for word, length in words:
            out.append(((round(x), base), word))
            x += length + gap
    return out


def _outline_px(caption: Caption) -> int:
    return caption.weight_px + max(2, round(OUTLINE_SHARE * caption.size_px))


@cache
def _font(size_px: int) -> ImageFont.FreeTypeFont:
    """Aileron Regular (CC0), which lies inside Pillow."""
    return ImageFont.load_default(size_px)
