// Rows of many bars: only those in sight are there, and bars too narrow to tell apart stand together as one until the zoom parts them.
const many = new WeakMap(); // a bar that stands for several: its details
const denseRows = new Map(); // track: {draw(), edge(last)}
{
  const CELL_PX = 12; // bars narrower than this share a place with their neighbours in the same cell
  const WORD_PX = 30, PHRASE_PX = 120, PAUSE_S = 0.35; // words narrower than that stand in phrases, which end where a voice rests
  const COARSE = 1.7, SETTLED_MS = 110; // while a zoom goes on its bars keep their company until they are this much off
  const unitName = (tips, count, joined) => (joined ? tips.map((t) => t.h).join(" ") : new Set(tips.map((t) => t.h)).size === 1 ? `${count} × ${tips[0].h}` : `${count} bars`);
  const span = (tips, from, to) => `${tips[0].t.split(" ")[0]} – ${clock((to / 100) * duration)}`;

  for (const track of $$("[data-dense]", body)) {
    const row = data.rows[+track.dataset.dense], joined = Boolean(track.closest(".words"));
    const order = row.i.map((_, n) => n).sort((a, b) => row.l[a] - row.l[b]);
    const there = new Map(); // key: element
    let units = [], unitsAt = 0, drawn = [1, 0]; // drawn: from and to in percent of the clip

    // All units at this zoom, for the whole row: they do not depend on where the view is.
    const widths = order.map((n) => row.w[n]).sort((a, b) => a - b), usual = widths[widths.length >> 1];
    const cells = (px) => {
      let open = null;
      for (const n of order) {
        const width = row.w[n], cell = Math.floor((row.l[n] * px) / CELL_PX), l = row.l[n], r = l + Math.max(0, width);
        if (width * px >= CELL_PX) { units.push({ key: n, l, r, all: [n] }); open = null; }
        else if (open?.cell === cell) { open.all.push(n); open.key = `c${cell}`; open.r = Math.max(open.r, r); }
        else { open = { cell, key: n, l, r, all: [n] }; units.push(open); }
      }
    };
    const phrases = (px) => {
      const rest = (100 * PAUSE_S) / duration;
      let open = null;
      for (const n of order) {
        const l = row.l[n], r = l + Math.max(0, row.w[n]);
        if (open && l - open.r <= rest && (r - open.l) * px <= PHRASE_PX) { open.all.push(n); open.key = `p${open.all[0]}-${open.all.length}`; open.r = Math.max(open.r, r); }
        else { open = { key: n, l, r, all: [n] }; units.push(open); }
      }
    };
    const cluster = () => {
      units = [];
      unitsAt = view.width;
      const px = view.width / 100;
      if (joined && usual * px < WORD_PX) phrases(px); else cells(px);
    };
    const build = ({ l, r, all }) => {
      const n = all[0], entry = data.tips[row.i[n]], one = all.length === 1, moment = one && row.w[n] < 0;
      const label = one ? entry.h : unitName(all.map((k) => data.tips[row.i[k]]), all.length, joined);
      const tones = new Set(all.map((k) => row.tones[row.k[k]]));
      const tone = [...tones].find((t) => t.includes("tw")) ?? (tones.size === 1 ? [...tones][0] : row.tones[row.k[n]]);
      const when = one ? entry.t : span([entry], l, r);
      const button = make("button", { type: "button", class: `it ${tone}${moment ? " pt" : ""}${one ? "" : " several"}`, data: { t: String(row.i[n]) }, "aria-label": `${label.slice(0, 300)}, ${when}`, tabIndex: -1 });
      button.style.left = `${l}%`;
      if (!moment) button.style.width = `${r - l}%`;
      if (!one) many.set(button, { h: label.slice(0, 160), t: when, d: joined ? [] : [["Zoom in", "to tell them apart"]] });
      const colours = row.c?.[n] ?? [];
      if (colours.length) {
        const mix = make("span", { class: "mix" });
        for (const [hex, share] of colours) { const patch = make("i"); patch.style.background = hex; patch.style.flexGrow = share; mix.append(patch); }
        button.classList.add("pal");
        button.append(mix);
      } else if (!moment) button.append(make("span", { dir: "auto", textContent: label.slice(0, 120) }));
      return button;
    };
    const draw = (settled = true) => {
      const percent = (px) => (100 * px) / view.width, from = view.scroll - view.left, to = from + view.seen;
      const off = Math.max(unitsAt / view.width, view.width / unitsAt), zoomed = settled ? unitsAt !== view.width : off > COARSE;
      if (!zoomed && percent(Math.max(0, from)) >= drawn[0] && percent(Math.min(view.width, to)) <= drawn[1]) return;
      if (zoomed) cluster();
      const low = percent(from - view.seen / 2), high = percent(to + view.seen / 2);
      drawn = [low, high];
      const wanted = units.filter(({ l, r }) => r >= low && l <= high), keys = new Set(wanted.map(({ key }) => key));
      for (const [key, button] of there) if (!keys.has(key) && button !== document.activeElement) { button.remove(); there.delete(key); }
      let before = null;
      for (const unit of wanted) {
        let button = there.get(unit.key);
        if (!button) { button = build(unit); there.set(unit.key, button); }
        else if (zoomed && unit.all.length > 1) { const fresh = build(unit); if (button !== document.activeElement) { button.replaceWith(fresh); there.set(unit.key, fresh); button = fresh; } }
        if (before ? before.nextElementSibling !== button : track.firstElementChild !== button) { if (before) before.after(button); else track.prepend(button); }
        before = button;
      }
      // What has the focus stays until it loses it; it stands on the side that it was left on.
      for (const [key, button] of there) if (!keys.has(key) && parseFloat(button.style.left) < low) track.prepend(button);
      const stops = $$(".it", track);
      if (stops.length && !stops.some((b) => b.tabIndex === 0)) stops[0].tabIndex = 0;
    };
    const edge = (last) => {
      body.scrollLeft = last ? body.scrollWidth : 0;
      view.scroll = body.scrollLeft;
      draw();
      return there.get(units.at(last ? -1 : 0)?.key);
    };
    denseRows.set(track, { draw, edge, lane: track.closest(".lane") });
  }

  const near = new Set(); // lanes on the screen or just off it
  const drawNear = (settled) => { for (const row of denseRows.values()) if (near.has(row.lane)) row.draw(settled); };
  const eye = new IntersectionObserver((seen) => {
    for (const { target, isIntersecting } of seen) if (isIntersecting) near.add(target); else near.delete(target);
    drawNear(true);
  }, { rootMargin: "400px 0px" });
  new Set([...denseRows.values()].map((row) => row.lane)).forEach((lane) => eye.observe(lane));
  let timer = 0;
  view.moved.push(() => {
    drawNear(false);
    clearTimeout(timer);
    timer = setTimeout(drawNear, SETTLED_MS, true);
  });
}
