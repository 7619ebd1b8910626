"""Following text through a clip: sample by sample, with the networks run only where the gate asks for it."""

from __future__ import annotations

from typing import Protocol

import cv2
import numpy as np

from reelscope.analyzers.text_overlay import _words
from reelscope.analyzers.text_overlay._gate import Gate, Level, Region, overlaps, unite
from reelscope.analyzers.text_overlay._ink import measure_ink
from reelscope.analyzers.text_overlay._line import ALIKE, VISIBLE, Line, Ring, XyxyPx, backwards, forwards, usable_small
from reelscope.analyzers.text_overlay._ocr import STRIDE_PX, LineBox, Reading, crop_line
from reelscope.analyzers.text_overlay._template import Template

__all__ = ["Follower", "Reader"]

REDUCED_SHORT_PX = 270  # gate and templates work at about this short side: captions have strokes of 2-4 px there
LOOK_SHORT_PX: dict[Level, int] = {"quick": 270, "close": 540}  # short side that the detector sees the picture at
ENLARGE_MAX = 2.0  # small pictures are enlarged at most this much for the detector
WHOLE_SHARE = 0.6  # regions that cover more of the picture than this are looked at as the whole picture
SCAN_S = 1.0  # the whole picture is looked at this often for text that never rests (signs in a moving picture)
KEEP_S = 3.0  # pictures kept for looking back: discovery takes up to one scan, settling three samples
ABSENT_S = 0.45  # a line not seen for longer has ended; shorter gaps are flashes and dissolves
SETTLE = 3  # samples after which the template is clean of background and the beginning is looked for
MEAN_CROPS = 6  # samples averaged for a second reading
SURE = 0.97  # a reading of several letters at least this sure is not repeated
NEAR_PX, FAR_PX = 3, 12  # reduced px that a line is looked for around its place: resting; young, moving or lost
FAR_VISIBLE = 0.5  # a match found far away must be this strong: the best of 625 places is 0.3 by chance
LINE_SHARE_MAX = 0.4  # boxes taller than this share of the short side and not long are objects mistaken for a letter
LINE_SMALL_PX = 40  # lines up to this height are looked at however small the picture is
LINE_LONG = 1.8  # length to height from which a box is long: banners and pictures of a single line
UNCHANGED = 8.0  # grey levels: mean change of the picture around a line within one sample, below which nothing else happened
FADED = 0.6  # strength against that of the template: below it a line that was lost has not come back, it fades
REACHING_SHARE = 0.2  # of the short side: only lines lower than this are looked at again where they reach out of their region
READS_MAX = 16  # per sample; what exceeds it is found again by the next look
READ_MIN = 0.5  # readings less sure than this are nothing
DETECT_MIN = 0.85  # detector score from which a line that cannot be read is still a line (another script)
DETECT_RATIO = 2.5  # and its width to height
OVERLAP_SAME = 0.5  # share of the smaller box


class Reader(Protocol):
    """What does the reading (see _ocr.TextReader)."""

    def detect(self, rgb: np.ndarray, *, scale: float = 1.0) -> list[LineBox]: ...

    def read(self, crops: list[np.ndarray]) -> list[Reading]: ...


class Follower:
    """Lines of one clip. Feed `small_frame` with every frame up to a sample's time before `sample`, then `finish`."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.live: list[Line] = []
        self.ended: list[Line] = []
        self.detections = self.reads = 0
        self._gate = Gate()
        self._small, self._reduced = Ring(KEEP_S), Ring(KEEP_S)
        self._scan_s: float | None = None
        self._again: list[Region] = []  # where lines went or came to rest: to look at in this sample
        self._count = 0
        self._size = (0, 0)
        self._factor = 1.0

    def small_frame(self, pts_s: float, gray: np.ndarray) -> None:
        """Take a frame of the every-frame picture: uint8 [h, w] luma, kept for KEEP_S."""
        self._small.add(pts_s, gray)

    def sample(self, pts_s: float, rgb: np.ndarray) -> None:
        """Take a sample: uint8 [h, w, 3]."""
        h, w = rgb.shape[:2]
        self._size = (w, h)
        self._factor = max(1.0, round(min(w, h) / REDUCED_SHORT_PX))
        gray = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
        if self._factor > 1:
            gray = cv2.resize(gray, (max(1, round(w / self._factor)), max(1, round(h / self._factor))), interpolation=cv2.INTER_AREA)
        field = self._gate.step(gray, pts_s)
        self._reduced.add(pts_s, gray, field)
        for line in self.live:
            self._track(line, field, gray, rgb, pts_s)
        reads = READS_MAX
        for box in self._look(rgb, pts_s):
            if reads > 0:
                reads -= self._take(box, rgb, gray, field, pts_s)
        for line in self.live:
            if line.seen_s == pts_s:
                self._read_again(line)
        self._end_lost(pts_s)
        self._reduced.forget(pts_s)
        self._small.forget(pts_s)

    def finish(self, end_s: float) -> list[Line]:
        """All lines; those still there end with the clip."""
        for line in self.live:
            self._settle(line)
            line.end_s = end_s if line.gone_s is None else self._end_of(line)
            self.ended.append(line)
        self.live = []
        return sorted(self.ended, key=lambda line: (line.start_s, line.track_id))

    # following

    def _track(self, line: Line, field: np.ndarray, gray: np.ndarray, rgb: np.ndarray, pts_s: float) -> None:
        match = line.template.find(field, radius=NEAR_PX)
        if match.alpha < VISIBLE or match.likeness < ALIKE:
            far = line.template.find(field, radius=FAR_PX)
            if far.alpha >= FAR_VISIBLE:
                match = far
        if match.alpha < VISIBLE or match.likeness < ALIKE:
            if line.gone_s is None:
                line.gone_s = pts_s
                if line.believed:
                    self._again.append(self._band(line.box))
            return
        line.template.follow(field, match)
        shift = np.float32((match.dx * self._factor, match.dy * self._factor))
        line.quad = line.quad + shift
        line.travel_px += float(np.hypot(*shift))
        if shift.any():
            line.crop, line.crops = None, 0
        elif line.moving:
            # found on its way in it may have been cut off by the picture's edge, or blurred
            line.stale = True
            if line.believed:
                self._again.append(self._band(line.box))
        line.moving = bool(shift.any())
        small_s = self._small.nearest(pts_s)
        if line.small is not None and small_s is not None:
            small_field = self._small.field(small_s)
            small_match = line.small.find(small_field, radius=NEAR_PX)
            if small_match.alpha >= VISIBLE:
                line.small.follow(small_field, small_match)
        self._seen(line, gray, rgb, pts_s)
        if line.visible == SETTLE:
            self._settle(line)

    def _seen(self, line: Line, gray: np.ndarray, rgb: np.ndarray, pts_s: float) -> None:
        line.seen_s, line.gone_s = pts_s, None
        line.visible += 1
        line.path.append((pts_s, line.box))
        if line.crops < MEAN_CROPS:
            crop = crop_line(rgb, line.quad).astype(np.float32)
            if line.crop is None or line.crop.shape != crop.shape:
                line.crop, line.crops = crop, 1
            else:
                line.crops += 1
                line.crop += (crop - line.crop) / line.crops
        around = self._around(line.box, gray)
        if line.surround is None or line.surround.shape != around.shape:
            line.surround = around
        elif around.size:
            line.surround_change = max(line.surround_change, float(cv2.absdiff(around, line.surround).mean()))
        self._gate.examined(self._reduced_region(line.box), "close")

    def _around(self, box: XyxyPx, gray: np.ndarray) -> np.ndarray:
        """Luma of the bands above and below a box, one and a half line heights each: uint8 [rows, columns]."""
        x0, y0, x1, y1 = (int(v / self._factor) for v in box)
        reach = max(2, (y1 - y0) * 3 // 2)
        gap = max(1, (y1 - y0) // 4)  # an outline or a shadow is not surround
        columns = slice(max(0, x0), max(0, x1))
        above, below = gray[max(0, y0 - gap - reach) : max(0, y0 - gap), columns], gray[y1 + gap : y1 + gap + reach, columns]
        return np.concatenate((above, below))

    def _settle(self, line: Line) -> None:
        """Find the line's true beginning: first on the samples, then on every frame between."""
        if line.settled:
            return
        line.settled = True
        first_s, first_box = line.path[0]
        place = (int(first_box[0] / self._factor), int(first_box[1] / self._factor))
        earlier = backwards(line.template, self._reduced, 0.0, first_s, place)
        there_s = earlier[-1][0] if earlier else first_s
        width, height = first_box[2] - first_box[0], first_box[3] - first_box[1]
        corners = [(t, x * self._factor, y * self._factor) for t, x, y in reversed(earlier)]
        line.path[:0] = [(t, (x, y, x + width, y + height)) for t, x, y in corners]
        line.start_s = there_s
        before = self._reduced.between(0.0, there_s)
        if usable_small(line.small):
            frames = backwards(line.small, self._small, before[-1] if before else 0.0, there_s)
            line.start_s = frames[-1][0] if frames else there_s
        if before:
            self._compare_around(line, line.path[0][1], before[-1], there_s)

    def _compare_around(self, line: Line, box: XyxyPx, a_s: float, b_s: float) -> None:
        """Note whether the picture around a line is the same at two times between which the line came or went."""
        if not {a_s, b_s} <= set(self._reduced.between(a_s, b_s + 1e-6)):
            return  # sampled so rarely that the pictures are gone
        first, second = self._around(box, self._reduced.gray(a_s)), self._around(box, self._reduced.gray(b_s))
        line.pops |= first.size > 0 and float(cv2.absdiff(first, second).mean()) <= UNCHANGED

    def _end_of(self, line: Line) -> float:
        gone_s = line.gone_s if line.gone_s is not None else line.seen_s
        if line.gone_s is not None:
            self._compare_around(line, line.box, line.seen_s, line.gone_s)
        return forwards(line.small, self._small, line.seen_s, gone_s) if line.small is not None and usable_small(line.small) else gone_s

    def _end_lost(self, pts_s: float) -> None:
        for line in [each for each in self.live if pts_s - each.seen_s > ABSENT_S]:
            self._settle(line)
            line.end_s = self._end_of(line)
            line.crop = line.surround = None
            self.live.remove(line)
            self.ended.append(line)

    # finding

    def _reduced_region(self, box: XyxyPx) -> Region:
        x0, y0, x1, y1 = (v / self._factor for v in box)
        return int(x0) - 1, int(y0) - 1, int(x1) + 2, int(y1) + 2

    def _band(self, box: XyxyPx) -> Region:
        """The rows of a line over the picture's full width: where a line goes, the next one often comes at once."""
        margin = 0.5 * (box[3] - box[1])
        return 0, max(0, int(box[1] - margin)), self._size[0], min(self._size[1], int(box[3] + margin) + 1)

    def _look(self, rgb: np.ndarray, pts_s: float) -> list[LineBox]:
        """Run the detector where the gate asks for it, and over the whole picture when a scan is due."""
        w, h = self._size
        out: list[LineBox] = []
        if self._scan_s is None or pts_s - self._scan_s >= SCAN_S - 1e-6:
            self._scan_s = pts_s
            self._again = []
            out += self._detect(rgb, (0, 0, w, h), "quick")
        for region in unite(self._again):
            out += self._detect(rgb, region, "quick")
        self._again = []
        for level in ("quick", "close"):
            # a region that touches a line takes it in whole, so that a line being typed is seen as one
            regions = [tuple(int(v * self._factor) for v in region) for region in self._gate.regions(level)]
            boxes = [tuple(int(v) for v in line.box) for line in self.live if any(overlaps(line.box, region) for region in regions)]
            regions = unite(regions + boxes) if regions else []
            if sum((x1 - x0) * (y1 - y0) for x0, y0, x1, y1 in regions) > WHOLE_SHARE * w * h:
                regions = [(0, 0, w, h)]
            for region in regions:
                found = self._detect(rgb, region, level)
                if any(_at_side(box.xyxy, region, w) for box in found if box.xyxy[3] - box.xyxy[1] < REACHING_SHARE * min(w, h)):
                    # a line reaches out of the region: what moves behind the rest of it kept that from being fresh
                    found = self._detect(rgb, (0, region[1], w, region[3]), level)
                out += found
        return out

    def _detect(self, rgb: np.ndarray, region: Region, level: Level) -> list[LineBox]:
        w, h = self._size
        scale = min(ENLARGE_MAX, LOOK_SHORT_PX[level] / min(w, h))
        x0, x1 = _fit(region[0], region[2], w, STRIDE_PX / scale)
        y0, y1 = _fit(region[1], region[3], h, STRIDE_PX / scale)
        self._gate.examined(self._reduced_region((x0, y0, x1, y1)), level)
        self.detections += 1
        found = self.reader.detect(np.ascontiguousarray(rgb[y0:y1, x0:x1]), scale=scale)
        return [LineBox(box.quad + np.float32((x0, y0)), box.score) for box in found]

    def _take(self, box: LineBox, rgb: np.ndarray, gray: np.ndarray, field: np.ndarray, pts_s: float) -> int:
        """Make a detected line one that is followed; returns how many readings that took."""
        x0, y0, x1, y1 = box.xyxy
        long, low = max(x1 - x0, y1 - y0), min(x1 - x0, y1 - y0)
        if low > max(LINE_SMALL_PX, LINE_SHARE_MAX * min(self._size)) and long < LINE_LONG * low:
            return 0
        near = [line for line in self.live if _shared(line.box, box.xyxy) > OVERLAP_SAME]
        known = [line for line in near if line.seen_s == pts_s and line.believed]
        if any(_area(box.xyxy) < (1.05 if line.stale else 1.25) * _area(line.box) for line in known):
            return 0
        crop = crop_line(rgb, box.quad)
        reading = self.reader.read([crop])[0]
        self.reads += 1
        legible = reading.confidence >= READ_MIN and _words.letters(reading.text) > 0
        other_script = not legible and box.score >= DETECT_MIN and (x1 - x0) >= DETECT_RATIO * (y1 - y0)
        if not legible and not other_script:
            return 1
        for line in near:
            said = line.text
            if line.seen_s == pts_s and legible and (_words.within(said, reading.text) or not said):
                line.readings = [(reading.confidence, reading.text)]  # typed on, or only a part was found before: the same line, longer
                self._renew(line, box, field, pts_s)
                return 1
            if line.seen_s == pts_s:
                if _words.similar(reading.text, said):
                    line.readings.append((reading.confidence, reading.text))
                    line.stale = False
                    return 1
                if not legible or _words.letters(reading.text) * reading.confidence <= _words.letters(said) * line.confidence:
                    return 1
                line.gone_s = pts_s  # something that looked like a letter, where there is a line now
                continue
            if legible and _words.similar(reading.text, said):
                if self._template(box.xyxy, field).strength < FADED * line.template.strength:
                    return 1  # it is on its way out
                line.readings.append((reading.confidence, reading.text))
                self._renew(line, box, field, pts_s)
                self._seen(line, gray, rgb, pts_s)
                return 1
        self._count += 1
        line = Line(self._count, box.quad, box.score, self._template(box.xyxy, field), pts_s, pts_s, found_s=pts_s)
        line.small = self._small_template(box.xyxy, pts_s)
        line.readings.append((reading.confidence if legible else 0.0, reading.text if legible else ""))
        line.ink = measure_ink(crop)
        self.live.append(line)
        self._seen(line, gray, rgb, pts_s)
        return 1

    def _renew(self, line: Line, box: LineBox, field: np.ndarray, pts_s: float) -> None:
        self._settle(line)
        line.quad, line.score, line.stale = box.quad, box.score, False
        line.template, line.small = self._template(box.xyxy, field), self._small_template(box.xyxy, pts_s)
        line.crop, line.crops = None, 0

    def _template(self, box: XyxyPx, field: np.ndarray) -> Template:
        x0, y0, x1, y1 = (v / self._factor for v in box)
        return Template(field, (x0, y0, x1, y1))

    def _small_template(self, box: XyxyPx, pts_s: float) -> Template | None:
        small_s = self._small.nearest(pts_s)
        if small_s is None:
            return None
        field = self._small.field(small_s)
        scale_x, scale_y = field.shape[2] / self._size[0], field.shape[1] / self._size[1]
        return Template(field, (box[0] * scale_x, box[1] * scale_y, box[2] * scale_x, box[3] * scale_y))

    def _read_again(self, line: Line) -> None:
        """Read the mean of the crops, where the first reading may be bettered, and take the colours there."""
        if line.crop is None or line.visible not in (SETTLE, MEAN_CROPS, 2 * MEAN_CROPS):
            return
        crop = np.clip(line.crop, 0, 255).astype(np.uint8)
        line.ink = measure_ink(crop) or line.ink
        sure = line.confidence >= SURE and _words.letters(line.text) >= 4
        if not sure and (line.visible == SETTLE or line.confidence < SURE):
            reading = self.reader.read([crop])[0]
            self.reads += 1
            line.readings.append((reading.confidence, reading.text) if _words.letters(reading.text) else (0.0, ""))


def _fit(start: float, end: float, size: int, unit: float) -> tuple[int, int]:
    """Widen [start, end) to a whole number of units within [0, size): what the detector sees is not distorted then."""
    length = int(round(np.ceil((end - start) / unit) * unit))
    if length >= size:
        return 0, size
    first = int(min(max(0, (start + end - length) // 2), size - length))
    return first, first + length


def _at_side(box: XyxyPx, region: Region, width: int) -> bool:
    """Whether a box ends at a region's left or right side, where that is not the picture's."""
    margin = 0.25 * (box[3] - box[1])
    return (region[0] > 0 and box[0] <= region[0] + margin) or (region[2] < width and box[2] >= region[2] - margin)


def _area(box: XyxyPx) -> float:
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])


def _shared(a: XyxyPx, b: XyxyPx) -> float:
    """Intersection as a share of the smaller box."""
    inside = _area((max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])))
    smaller = min(_area(a), _area(b))
    return inside / smaller if smaller > 0 else 0.0
