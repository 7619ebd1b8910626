// What is drawn over the picture: boxes, skeletons, gaze, what the apps cover. data.over: see overlay.py. Times in ms, places in
// thousandths of the picture. Drawn in device pixels, only when the moment, the choice or the size has changed.
{
  const over = data.over, canvas = $("#over"), pen = canvas.getContext("2d");
  const chips = new Map($$("[data-layer]").map((chip) => [chip.dataset.layer, chip]));
  const NAMES = [...chips.keys()];
  // The lanes' colours (.t0 to .t7), lighter: on a picture they stand on a dark edge.
  const TONES = ["#8d97ff", "#2fd0b9", "#ffa24a", "#ff7bb0", "#5bbcff", "#8fd76b", "#c58bff", "#e8c63a"];
  const DARK = "rgb(8 9 12 / 72%)", LIGHT = "#f4f5f8";
  const SPAN = 260; // ms for which an angle stands: it is measured ten times a second, and not while the eyes are shut
  const HIDDEN = -9999, FACE = getComputedStyle(document.body).fontFamily;
  const on = new Set(kept.get("layers", []).filter?.((name) => over[name] && over[name].why === null) ?? []);
  let app = kept.get("app", null), box = { x: 0, y: 0, w: 0, h: 0 }, dot = 1, held = -1;

  // ---- where things are at a moment -----------------------------------------------------------------------------------------------
  const within = (spans, ms) => { for (let i = 0; i < spans.length; i += 2) if (ms >= spans[i] && ms < spans[i + 1]) return true; return false; };
  const before = (list, stride, ms) => { // index of the last row that is not after ms
    let low = 0, high = list.length / stride;
    while (low < high) { const mid = (low + high) >> 1; if (list[mid * stride] <= ms) low = mid + 1; else high = mid; }
    return low - 1;
  };
  const mix = (a, b, f) => a + (b - a) * f;
  const boxAt = (track, gap, ms) => { // x, y, w, h, or null where it was not seen
    if (!within(track.s, ms)) return null;
    const path = track.p, i = Math.max(0, before(path, 5, ms)) * 5, t = path[i], next = path[i + 5];
    if (next === undefined || ms <= t || (gap !== null && next - t > gap)) return path.slice(i + 1, i + 5);
    const f = (ms - t) / (next - t);
    return [1, 2, 3, 4].map((k) => mix(path[i + k], path[i + 5 + k], f));
  };
  const poseAt = (track, gap, alone, ms) => { // places of the keypoints, or null
    if (!within(track.s, ms)) return null;
    let i = 0;
    while (i + 1 < track.p.length && track.p[i + 1][0] <= ms) i += 1;
    const a = track.p[i], b = track.p[i + 1];
    if (b && ms >= a[0] && b[0] - a[0] <= gap) {
      const f = (ms - a[0]) / (b[0] - a[0]);
      return a.map((v, k) => (k === 0 ? v : v === HIDDEN || b[k] === HIDDEN ? (f < 0.5 ? v : b[k]) : mix(v, b[k], f)));
    }
    const near = b && Math.abs(b[0] - ms) < Math.abs(a[0] - ms) ? b : a;
    return Math.abs(near[0] - ms) <= alone * 2 ? near : null;
  };

  // ---- the pen ----------------------------------------------------------------------------------------------------------------------
  const X = (x) => box.x + (x / 1000) * box.w, Y = (y) => box.y + (y / 1000) * box.h;
  const line = (draw, colour, width) => { // a colour on a dark edge is seen on any picture
    for (const [style, wide] of [[DARK, width + 2], [colour, width]]) {
      pen.strokeStyle = style;
      pen.lineWidth = wide * dot;
      pen.beginPath();
      draw();
      pen.stroke();
    }
  };
  const LEAST_PX = 180; // a picture narrower than this has no room for words beside what they name
  const label = (text, x, y, colour, { below = false } = {}) => {
    if (box.w < LEAST_PX * dot) return;
    const size = 11 * dot, pad = 4 * dot, high = 16 * dot;
    pen.font = `600 ${size}px ${FACE}`;
    const wide = Math.min(pen.measureText(text).width + 2 * pad + 3 * dot, box.w);
    const left = Math.min(Math.max(x, box.x), box.x + box.w - wide);
    let top = below ? y : y - high;
    if (top < box.y) top = below ? box.y : y; // no room above: inside
    top = Math.min(top, box.y + box.h - high);
    pen.fillStyle = "rgb(8 9 12 / 80%)";
    pen.fillRect(left, top, wide, high);
    pen.fillStyle = colour;
    pen.fillRect(left, top, 3 * dot, high);
    pen.fillStyle = LIGHT;
    pen.textBaseline = "middle";
    pen.fillText(text, left + pad + 3 * dot, top + high / 2 + 0.5 * dot, wide - 2 * pad);
  };

  const boxes = (layer, ms, dashes = []) => {
    for (const track of layer.tracks) {
      const at = boxAt(track, layer.gap, ms);
      if (!at) continue;
      const colour = TONES[track.c], [x, y, w, h] = [X(at[0]), Y(at[1]), (at[2] / 1000) * box.w, (at[3] / 1000) * box.h];
      pen.setLineDash(dashes.map((d) => d * dot));
      line(() => pen.roundRect(x, y, w, h, 3 * dot), colour, 1.75);
      pen.setLineDash([]);
      label(track.l, x - dot, y - 2 * dot, colour);
    }
  };
  const draws = {
    objects: (layer, ms) => boxes(layer, ms),
    faces: (layer, ms) => boxes(layer, ms),
    text: (layer, ms) => boxes(layer, ms, [5, 3]),
    pose: (layer, ms) => {
      for (const track of layer.tracks) {
        const at = poseAt(track, layer.gap, layer.alone, ms);
        if (!at) continue;
        const colour = TONES[track.c], seen = (k) => at[1 + 2 * k] !== HIDDEN;
        line(() => {
          for (const [a, b] of layer.bones) if (seen(a) && seen(b)) { pen.moveTo(X(at[1 + 2 * a]), Y(at[2 + 2 * a])); pen.lineTo(X(at[1 + 2 * b]), Y(at[2 + 2 * b])); }
        }, colour, 2);
        pen.fillStyle = LIGHT;
        pen.strokeStyle = DARK;
        pen.lineWidth = dot;
        for (let k = 0; 2 * k + 2 < at.length; k++) {
          if (!seen(k)) continue;
          pen.beginPath();
          pen.arc(X(at[1 + 2 * k]), Y(at[2 + 2 * k]), 2.4 * dot, 0, 7);
          pen.fill();
          pen.stroke();
        }
      }
    },
    gaze: (layer, ms) => {
      for (const track of layer.tracks) {
        const at = boxAt(track, layer.gap, ms);
        if (!at) continue;
        const i = before(track.g, 3, ms) * 3, known = i >= 0 && ms - track.g[i] <= SPAN, looks = within(track.look, ms);
        // From between the eyes: a third of the way down a face's box.
        const w = (at[2] / 1000) * box.w, x = X(at[0] + at[2] / 2), y = Y(at[1] + at[3] * 0.34);
        if (looks) {
          line(() => { pen.arc(x, y, Math.max(7 * dot, w * 0.2), 0, 7); }, "#5be09a", 2);
          line(() => { pen.arc(x, y, 1.5 * dot, 0, 7); }, "#5be09a", 3);
          label("Looks at the camera", x - w / 2, Y(at[1] + at[3]) + 3 * dot, "#5be09a", { below: true });
        } else if (known) {
          const yaw = (track.g[i + 1] * Math.PI) / 180, up = track.g[i + 2], far = 1.6 * w;
          const dx = Math.sin(yaw) * far, dy = up === null ? 0 : -Math.sin((up * Math.PI) / 180) * far, long = Math.hypot(dx, dy);
          pen.setLineDash(up === null ? [4 * dot, 3 * dot] : []); // eyes too small to tell up from down: only sideways is known
          line(() => {
            pen.moveTo(x, y);
            pen.lineTo(x + dx, y + dy);
          }, "#ffd24a", 2.25);
          pen.setLineDash([]);
          if (long > 6 * dot) {
            const a = Math.atan2(dy, dx), tip = Math.min(9 * dot, long / 2);
            line(() => {
              for (const turn of [2.6, -2.6]) { pen.moveTo(x + dx, y + dy); pen.lineTo(x + dx + Math.cos(a + turn) * tip, y + dy + Math.sin(a + turn) * tip); }
            }, "#ffd24a", 2.25);
          }
        }
      }
    },
    zones: (layer) => {
      const profile = layer.profiles.find((one) => one.n === app) ?? layer.profiles[0];
      const corners = () => profile.p.forEach(([x, y], i) => (i ? pen.lineTo(X(x), Y(y)) : pen.moveTo(X(x), Y(y))));
      pen.save();
      pen.beginPath();
      pen.rect(box.x, box.y, box.w, box.h);
      pen.clip();
      pen.beginPath();
      pen.rect(box.x, box.y, box.w, box.h);
      corners();
      pen.closePath();
      pen.fillStyle = "rgb(196 30 58 / 46%)";
      pen.fill("evenodd");
      line(() => { corners(); pen.closePath(); }, "#ffffff", 1.25);
      pen.restore();
      label(`${profile.l}, ${profile.d}`, box.x + 6 * dot, box.y + 6 * dot, "#ff6f88", { below: true });
    },
  };
  const ORDER = ["zones", "pose", "objects", "text", "faces", "gaze"]; // what lies under what
  const draw = () => {
    if (!canvas.width || !canvas.height) return;
    pen.clearRect(0, 0, canvas.width, canvas.height);
    const ms = held * 1000;
    for (const name of ORDER) if (on.has(name)) draws[name](over[name], ms);
  };

  // ---- the size of the picture on the screen --------------------------------------------------------------------------------------------
  new ResizeObserver(([entry]) => {
    const { width, height } = entry.contentRect;
    dot = Math.max(1, devicePixelRatio || 1);
    canvas.width = Math.round(width * dot);
    canvas.height = Math.round(height * dot);
    const w = Math.min(canvas.width, canvas.height * data.aspect), h = w / data.aspect;
    box = { x: (canvas.width - w) / 2, y: (canvas.height - h) / 2, w, h };
    draw();
  }).observe($("#screen"));
  let frame = 0;
  playhead.follow((t) => {
    if (t === held) return;
    held = t;
    if (!on.size || frame) return;
    frame = requestAnimationFrame(() => { frame = 0; draw(); });
  });

  // ---- switches ----------------------------------------------------------------------------------------------------------------------------
  const apps = $("#apps"), profiles = over.zones.profiles ?? [];
  const mark = () => {
    for (const [name, chip] of chips) chip.setAttribute("aria-pressed", String(on.has(name)));
    if (!apps) return;
    apps.hidden = !on.has("zones");
    const now = profiles.some((one) => one.n === app) ? app : profiles[0]?.n;
    $$("[data-app]", apps).forEach((button) => button.setAttribute("aria-pressed", String(button.dataset.app === now)));
  };
  const keep = () => { kept.set("layers", [...on]); kept.set("app", app); mark(); draw(); };
  const flip = (name) => {
    const layer = over[name], title = chips.get(name).textContent;
    if (layer.why !== null) { say(`${title}: ${layer.why}`); return; }
    if (on.has(name)) on.delete(name); else on.add(name);
    keep();
    if (name !== "zones") say(`${title} ${on.has(name) ? "shown" : "hidden"}`);
    else say(on.has(name) ? `Safe zones: ${(profiles.find((one) => one.n === app) ?? profiles[0]).l}` : "Safe zones hidden");
  };
  const next = () => { // the key goes through the apps, and then off
    if (over.zones.why !== null || !on.has("zones")) { if (over.zones.why === null) app = profiles[0].n; flip("zones"); return; }
    const at = profiles.findIndex((one) => one.n === app) + 1;
    if (at >= profiles.length) { flip("zones"); return; }
    app = profiles[at].n;
    keep();
    say(`Safe zones: ${profiles[at].l}`);
  };
  for (const [name, chip] of chips) chip.addEventListener("click", () => flip(name));
  if (apps) apps.addEventListener("click", (event) => { const button = event.target.closest("[data-app]"); if (button) { app = button.dataset.app; keep(); } });
  NAMES.forEach((name, i) => key(String(i + 1), name === "zones" ? "Safe zones: the next app" : `${chips.get(name).textContent} over the picture`, () => (name === "zones" ? next() : flip(name))));
  mark();
}
