// The timeline: zoom, ruler, the playhead and dragging it, the needle under the pointer and what every curve reads there.
// Nothing here asks the page for its layout while the clip plays: the place and the width of the tracks are kept in `view`.
const tl = $(".tl"), body = $(".tl-body"), head = $(".tl-head"), tip = $("#tip");
// px: where the tracks begin, how wide they are, what is left to the right, how much is seen, how far it is scrolled; who follows that.
const view = { left: 0, width: 1, gut: 0, seen: 1, scroll: 0, moved: [] };
{
  for (const cell of $$(".cell")) {
    const picture = pictures[+cell.dataset.shot];
    if (picture) cell.style.backgroundImage = `url("${picture.src}")`;
  }
  const track = $(".tl-track", head), headInner = $(".tl-inner", head), bodyInner = $(".tl-inner", body);
  const line = $(".playline"), grip = $(".grip"), needle = $(".needle"), time = $(".clock");
  const fps = data.fps || 30, held = (t) => Math.min(duration, Math.max(0, t));
  const xOf = (t) => (t / duration) * view.width; // within the tracks
  const tAt = (clientX) => ((clientX - body.getBoundingClientRect().left + view.scroll - view.left) / view.width) * duration;

  // ---- zoom ----------------------------------------------------------------------------------------------------------------
  const FRAME_PX = 12; // of the deepest zoom
  const PHONE_PX_PER_S = 30, PHONE_PX = 6000; // a phone shows this much of a clip at first: bars that a thumb can tell apart
  const STEP = 1.6, MOST_PX = 8e6; // beyond that many px some browsers cannot lay an element out
  let wide = null; // px of the tracks; null: as wide as fits

  const fitting = () => Math.max(1, view.seen - view.left - view.gut);
  const deepest = () => Math.max(fitting(), Math.min(MOST_PX, duration * fps * FRAME_PX));
  const measure = () => {
    const inner = headInner.getBoundingClientRect(), box = track.getBoundingClientRect();
    view.seen = body.clientWidth;
    view.left = box.left - inner.left;
    view.gut = inner.right - box.right;
    view.width = Math.max(1, box.width);
    view.scroll = body.scrollLeft;
  };
  const scrollTo = (x) => {
    body.scrollLeft = x;
    view.scroll = wide === null ? 0 : Math.min(Math.max(0, x), view.left + view.width + view.gut - view.seen);
    head.scrollLeft = view.scroll;
  };
  const middle = () => { // what stays where it is when nothing else says: the playhead if it is in sight, else the middle
    const x = view.left + xOf(playhead.t) - view.scroll;
    return x >= view.left && x <= view.seen ? x : (view.left + view.seen) / 2;
  };
  const moved = () => view.moved.forEach((follower) => follower());
  // The moment under `x` (px from the left edge of the lanes) stays there.
  const zoomTo = (px, x = middle()) => {
    const t = held(((x + view.scroll - view.left) / view.width) * duration);
    wide = px === null || px <= fitting() + 0.5 ? null : Math.min(px, deepest());
    const inner = wide === null ? "" : `${view.left + wide + view.gut}px`;
    headInner.style.width = bodyInner.style.width = inner;
    tl.classList.toggle("zoomed", wide !== null);
    view.width = wide ?? fitting();
    scrollTo(view.left + xOf(t) - x);
    ruler(true);
    draw();
    draw.needle?.();
    moved();
  };
  let wanted = null; // wheels and fingers tell more often than there are frames
  const soon = (factor, clientX) => {
    if (!wanted) requestAnimationFrame(() => { const { by, x } = wanted; wanted = null; zoomTo(view.width * by, x); });
    wanted = { by: (wanted?.by ?? 1) * factor, x: clientX - body.getBoundingClientRect().left };
  };
  const zoom = {
    in: () => zoomTo(view.width * STEP),
    out: () => zoomTo(view.width / STEP),
    fit: () => zoomTo(null),
  };
  $$("[data-zoom]").forEach((button) => button.addEventListener("click", zoom[button.dataset.zoom]));
  key("+", "Zoom in", zoom.in);
  key("=", "Zoom in", zoom.in);
  key("-", "Zoom out", zoom.out);
  key("0", "The whole clip in the timeline", zoom.fit);
  // Ctrl and the wheel, and two fingers on a trackpad, which browsers tell as the same with smaller steps.
  tl.addEventListener("wheel", (event) => {
    if (event.ctrlKey) {
      event.preventDefault();
      soon(Math.exp(-Math.max(-60, Math.min(60, event.deltaY * (event.deltaMode ? 20 : 1))) * 0.008), event.clientX);
    } else if (head.contains(event.target) && wide !== null && Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      event.preventDefault();
      body.scrollLeft += event.deltaX;
    }
  }, { passive: false });
  let scale = 1; // Safari's own events for the trackpad
  tl.addEventListener("gesturestart", (event) => { event.preventDefault(); scale = 1; });
  tl.addEventListener("gesturechange", (event) => { event.preventDefault(); soon(event.scale / scale, event.clientX); scale = event.scale; });
  let apart = 0; // two fingers on a screen
  const between = ([a, b]) => ({ gap: Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY), x: (a.clientX + b.clientX) / 2 });
  tl.addEventListener("touchstart", (event) => { if (event.touches.length === 2) apart = between(event.touches).gap; }, { passive: true });
  tl.addEventListener("touchmove", (event) => {
    if (event.touches.length !== 2 || !apart) return;
    event.preventDefault();
    const { gap, x } = between(event.touches);
    soon(gap / apart, x);
    apart = gap;
  }, { passive: false });
  tl.addEventListener("touchend", () => { apart = 0; }, { passive: true });

  // ---- the ruler: only what is in sight, and a screen to both sides -----------------------------------------------------------
  const LABEL_PX = 66, STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600];
  let drawn = [0, 0];
  const ruler = (anew = false) => {
    const from = view.scroll - view.left, to = from + view.seen;
    if (!anew && from >= drawn[0] && to <= drawn[1]) return;
    drawn = [from <= 0 ? -Infinity : from - view.seen, to >= view.width ? Infinity : to + view.seen];
    const px = view.width / duration, step = STEPS.find((s) => s * px >= LABEL_PX) ?? 7200;
    const first = Math.max(0, Math.floor((from - view.seen) / px)), last = Math.min(duration, (to + view.seen) / px);
    const marks = [];
    const mark = (t, words) => { const m = make("span", { textContent: words, class: words ? "" : "f" }); m.style.left = `${xOf(t)}px`; marks.push(m); };
    for (let i = Math.ceil(first / step); i * step <= last && i * step < duration - 0.3 * step; i++) mark(i * step, step < 1 ? clock(i * step).slice(0, -1) : clock(i * step).slice(0, -3));
    if (px / fps >= 5) for (let n = Math.ceil(first * fps); n <= last * fps; n++) mark(n / fps, ""); // single frames
    $(".ruler").replaceChildren(...marks);
  };

  // ---- the playhead ----------------------------------------------------------------------------------------------------------
  const LOOK_MS = 1000;
  let free = false, looked = 0; // somebody looks elsewhere while it plays, and when the hand last moved the view
  let shotNow = -1;
  const band = $(".shot-now"), cells = $$(".cell");
  const draw = () => {
    const x = view.left + xOf(playhead.t);
    line.style.transform = `translateX(${x}px)`;
    grip.style.transform = `translateX(${x - view.left}px)`;
    const covered = x < view.scroll + view.left - 1; // beneath the labels
    line.style.visibility = covered ? "hidden" : "";
  };
  const inShot = (t) => {
    const now = shotAt(t);
    if (now === shotNow) return;
    cells[shotNow]?.classList.remove("on");
    cells[now]?.classList.add("on");
    shotNow = now;
    if (!band) return;
    band.hidden = now < 0;
    if (now >= 0) { band.style.left = `${(100 * data.shots[now].s) / duration}%`; band.style.width = `${(100 * (data.shots[now].e - data.shots[now].s)) / duration}%`; }
  };
  playhead.follow((t, why) => {
    if (wide !== null && why !== "state") {
      const x = view.left + xOf(t), inSight = x >= view.scroll + view.left && x <= view.scroll + view.seen * (why === "play" ? 0.94 : 1);
      if (why !== "play" || (inSight && performance.now() - looked > LOOK_MS)) free = false;
      if (!inSight && !free) scrollTo(x - view.left - (view.seen - view.left) * (why === "play" ? 0.08 : 0.4));
    }
    if (why === "state") free = false;
    draw();
    inShot(t);
    if (needle.hidden) time.textContent = clock(t);
  });
  const elsewhere = () => { if (playhead.playing) { free = true; looked = performance.now(); } };
  for (const kind of ["wheel", "touchmove", "pointerdown"]) body.addEventListener(kind, elsewhere, { passive: true });
  body.addEventListener("scroll", () => {
    if (free) looked = performance.now();
    view.scroll = body.scrollLeft;
    head.scrollLeft = view.scroll;
    ruler();
    draw();
    moved();
  }, { passive: true });

  // Dragging along the ruler and the filmstrip; the address takes the moment only when the hand is off.
  let dragged = null;
  const scrub = (event) => {
    const box = body.getBoundingClientRect(), x = event.clientX - box.left, edge = 24;
    if (wide !== null && x > view.seen - edge) scrollTo(view.scroll + edge); // at the edge the view goes along
    if (wide !== null && x < view.left + edge && view.scroll > 0) scrollTo(view.scroll - edge);
    playhead.seek(held(tAt(event.clientX)), { reveal: false });
  };
  track.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    track.setPointerCapture(event.pointerId);
    dragged = { playing: playhead.playing };
    playhead.pause();
    tl.classList.add("scrubbing");
    scrub(event);
  });
  track.addEventListener("pointermove", (event) => { if (dragged) scrub(event); });
  const drop = () => {
    if (!dragged) return;
    const { playing } = dragged;
    dragged = null;
    tl.classList.remove("scrubbing");
    playhead.seek(playhead.t);
    if (playing) playhead.play();
  };
  track.addEventListener("pointerup", drop);
  track.addEventListener("pointercancel", drop);
  track.addEventListener("lostpointercapture", drop);

  // A bar goes to its start, a beat to itself, any other place of a track to its moment.
  const SNAP_PX = 8;
  const snapped = (t, curve) => {
    let best = t, least = (SNAP_PX / view.width) * duration;
    const times = curve.t ?? curve.v.map((_, i) => curve.t0 + i * (curve.dt || 0));
    for (const at of times) if (Math.abs(at - t) < least) { best = at; least = Math.abs(at - t); }
    return best;
  };
  body.addEventListener("click", (event) => {
    const item = event.target.closest(".it"), place = event.target.closest(".tl-track");
    if (item) playhead.seek(data.tips[+item.dataset.t].s);
    else if (place && event.detail > 0) {
      const t = tAt(event.clientX);
      if (t >= 0 && t <= duration) playhead.seek(place.dataset.snap ? snapped(t, data.curves[+place.dataset.snap]) : t);
    }
  });

  // ---- the needle and what every curve reads under it -------------------------------------------------------------------------
  const reads = $$("[data-read]");
  const shownLanes = new Set();
  const eye = new IntersectionObserver((seen) => seen.forEach(({ target, isIntersecting }) => { if (isIntersecting) shownLanes.add(target); else shownLanes.delete(target); }), { rootMargin: "120px" });
  const readers = reads.map((out) => ({ out, curve: data.curves[+out.dataset.read], home: out.closest(".lane, figure") ?? document.body }));
  new Set(readers.map(({ home }) => home)).forEach((home) => eye.observe(home));
  const valueAt = (curve, t) => {
    const n = curve.v.length, at = (i) => (curve.t ? curve.t[i] : curve.t0 + i * (curve.dt || 0));
    let low = 0, high = n - 1;
    while (high - low > 1) { const mid = (low + high) >> 1; if (at(mid) <= t) low = mid; else high = mid; }
    if (n === 0) return null;
    const best = Math.abs(at(low) - t) <= Math.abs(at(high) - t) ? low : high;
    return Math.abs(at(best) - t) > Math.max(1, duration / 60) ? null : curve.v[best];
  };
  const spoken = (value, curve) => {
    if (value === null) return "—";
    const text = value.toFixed(curve.d);
    return `${(+text === 0 ? text.replace("-", "") : text).replace("-", "−")} ${curve.u}`;
  };
  const hairs = $$(".hair");
  const point = (t) => {
    needle.hidden = false;
    needle.style.transform = `translateX(${view.left + xOf(t)}px)`;
    time.textContent = clock(t);
    for (const { out, curve, home } of readers) if (shownLanes.has(home)) out.textContent = spoken(valueAt(curve, t), curve);
    hairs.forEach((hair) => { hair.hidden = false; hair.style.left = `${(100 * t) / duration}%`; });
  };
  const leave = () => {
    if (needle.hidden) return;
    needle.hidden = true;
    time.textContent = clock(playhead.t);
    for (const { out } of readers) if (out.textContent) out.textContent = "";
    hairs.forEach((hair) => { hair.hidden = true; });
  };
  draw.needle = leave; // the zoom takes the place away from under the pointer
  tl.addEventListener("pointermove", (event) => {
    if (dragged || event.pointerType === "touch" || event.target.closest(".tl-label")) { leave(); return; }
    const t = tAt(event.clientX);
    if (t >= 0 && t <= duration) point(t); else leave();
  });
  tl.addEventListener("pointerleave", leave);
  $$("[data-plot]").forEach((plot) => {
    plot.addEventListener("pointermove", (event) => {
      const box = plot.getBoundingClientRect(), t = ((event.clientX - box.left) / box.width) * duration;
      if (t >= 0 && t <= duration) point(t); else leave();
    });
    plot.addEventListener("pointerleave", leave);
  });

  // ---- the room there is -----------------------------------------------------------------------------------------------------
  const start = () => {
    measure();
    zoomTo(phone.matches ? Math.min(duration * PHONE_PX_PER_S, PHONE_PX) : null, view.left);
  };
  start();
  let seen = body.clientWidth;
  new ResizeObserver(() => {
    if (body.clientWidth === seen) return;
    seen = body.clientWidth;
    measure();
    zoomTo(wide);
  }).observe(body);
  phone.addEventListener("change", start);
}
