// The timeline: zoom, ruler, the playhead, the needle under the pointer and what every curve reads there.
const tl = $(".tl"), body = $(".tl-body"), head = $(".tl-head"), tip = $("#tip");
{
  for (const cell of $$(".cell")) {
    const picture = pictures[+cell.dataset.shot];
    if (picture) cell.style.backgroundImage = `url("${picture.src}")`;
  }

  // ---- zoom ----------------------------------------------------------------------------------------------------------------
  const track = () => $(".tl-track", head);
  const inners = $$(".tl-inner");
  const PHONE_PX_PER_S = 30, MOST_PX_PER_S = 400, MOST_PX = 60000;
  let width = null; // px of the lanes; null: as wide as the container

  const setWidth = (next, anchor) => {
    const at = anchor ?? (body.scrollLeft + body.clientWidth / 2) / Math.max(1, body.scrollWidth);
    const most = Math.min(MOST_PX, Math.max(body.clientWidth, duration * MOST_PX_PER_S));
    width = next === null || next <= body.clientWidth ? null : Math.min(next, most);
    inners.forEach((inner) => inner.style.setProperty("--w", width === null ? "100%" : `${width}px`));
    tl.classList.toggle("zoomed", width !== null);
    if (width !== null) body.scrollLeft = at * width - body.clientWidth / 2;
    ruler();
    sync();
  };
  const ruler = () => {
    const element = $(".ruler"), px = track().clientWidth / duration;
    const steps = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600];
    const step = steps.find((s) => s * px >= 66) ?? 1200;
    element.replaceChildren();
    for (let i = 0; i * step < duration - 0.3 * step; i++) {
      const mark = document.createElement("span"), t = i * step;
      mark.style.left = `${(100 * t) / duration}%`;
      mark.textContent = step < 1 ? clock(t).slice(0, -1) : clock(t).slice(0, -3);
      element.append(mark);
    }
  };
  const sync = () => { head.scrollLeft = body.scrollLeft; };
  body.addEventListener("scroll", sync, { passive: true });
  $$("[data-zoom]").forEach((button) => button.addEventListener("click", () => {
    const now = width ?? body.clientWidth;
    setWidth({ in: now * 1.6, out: now / 1.6, fit: null }[button.dataset.zoom]);
  }));
  body.addEventListener("wheel", (event) => {
    if (!event.ctrlKey) return;
    event.preventDefault();
    setWidth((width ?? body.clientWidth) * (event.deltaY < 0 ? 1.15 : 1 / 1.15));
  }, { passive: false });
  const fit = () => setWidth(phone.matches ? Math.min(duration * PHONE_PX_PER_S, 6000) : null, 0);
  let seen = 0;
  new ResizeObserver(() => {
    if (body.clientWidth === seen) return;
    seen = body.clientWidth;
    if (width === null || phone.matches) fit(); else ruler();
  }).observe(body);
  phone.addEventListener("change", fit);

  // ---- the needle and what every curve reads under it -------------------------------------------------------------------------
  const needle = $(".needle"), time = $(".clock");
  const reads = $$("[data-read]");
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
  const point = (t) => {
    const rect = track().getBoundingClientRect();
    needle.hidden = false;
    needle.style.left = `${rect.left - $(".tl-inner", head).getBoundingClientRect().left + (t / duration) * rect.width}px`;
    time.textContent = clock(t);
    for (const out of reads) { const curve = data.curves[+out.dataset.read]; out.textContent = spoken(valueAt(curve, t), curve); }
    $$(".hair").forEach((hair) => { hair.hidden = false; hair.style.left = `${(100 * t) / duration}%`; });
  };
  const leave = () => {
    needle.hidden = true;
    time.textContent = clock(playhead.t);
    reads.forEach((out) => { out.textContent = ""; });
    $$(".hair").forEach((hair) => { hair.hidden = true; });
  };
  const follow = (box, area) => {
    area.addEventListener("pointermove", (event) => {
      const rect = box().getBoundingClientRect();
      const t = ((event.clientX - rect.left) / rect.width) * duration;
      if (t >= 0 && t <= duration) point(t); else leave();
    });
    area.addEventListener("pointerleave", leave);
  };
  follow(track, tl);
  $$("[data-plot]").forEach((plot) => follow(() => plot, plot));


  // ---- the playhead: a click anywhere on a track goes there ----------------------------------------------------------------------
  const line = $(".playline");
  playhead.follow((t, why) => {
    const rect = track().getBoundingClientRect(), left = rect.left - $(".tl-inner", head).getBoundingClientRect().left;
    line.style.left = `${left + (t / duration) * rect.width}px`;
    if (width !== null && why !== "state") {
      const x = (t / duration) * width, seen = body.clientWidth;
      if (x < body.scrollLeft || x > body.scrollLeft + seen * 0.92) body.scrollLeft = x - seen * (why === "play" ? 0.1 : 0.4);
    }
    if (why !== "play") $(".clock").textContent = clock(t);
  });
  tl.addEventListener("click", (event) => {
    if (event.target.closest("button:not(.it), a, h3, .tl-label")) return;
    const rect = track().getBoundingClientRect();
    const t = ((event.clientX - rect.left) / rect.width) * duration;
    if (t >= 0 && t <= duration && event.detail > 0) playhead.seek(t, { reveal: false });
  });
}
