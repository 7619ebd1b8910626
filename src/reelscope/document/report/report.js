"use strict";
(() => {
  const $ = (query, root = document) => root.querySelector(query);
  const $$ = (query, root = document) => [...root.querySelectorAll(query)];
  const data = JSON.parse($("#data").textContent);
  const duration = data.duration || 1;
  const body = $(".tl-body"), head = $(".tl-head"), tl = $(".tl"), tip = $("#tip");

  const clock = (s) => {
    const c = Math.round(Math.max(0, s) * 100), h = Math.floor(c / 360000), m = Math.floor(c / 6000) % 60;
    const rest = `${String(Math.floor(c / 100) % 60).padStart(2, "0")}.${String(c % 100).padStart(2, "0")}`;
    return h ? `${h}:${String(m).padStart(2, "0")}:${rest}` : `${m}:${rest}`;
  };

  // Keyframes stand in the file once, in the shot list; the filmstrip and the viewer borrow them.
  const shots = $$(".shot");
  const pictures = shots.map((row) => $("img", row));
  for (const cell of $$(".cell")) {
    const picture = pictures[+cell.dataset.shot];
    if (picture) cell.style.backgroundImage = `url("${picture.src}")`;
    cell.addEventListener("click", () => goTo(shots[+cell.dataset.shot]));
  }
  const film = $(".film"); // the clip at a glance; the shot list says the same to those who do not see it
  pictures.forEach((picture, i) => {
    if (!picture) return;
    const still = document.createElement("i");
    still.style.backgroundImage = `url("${picture.src}")`;
    still.addEventListener("click", () => goTo(shots[i]));
    film.append(still);
    film.hidden = false;
  });
  const goTo = (row) => {
    shots.forEach((other) => other.classList.toggle("here", other === row));
    row.scrollIntoView({ block: "center" });
  };

  // ---- zoom ----------------------------------------------------------------------------------------------------------------
  const track = () => $(".tl-track", head);
  const inners = $$(".tl-inner");
  const phone = matchMedia("(max-width: 600px)");
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
  body.addEventListener("scroll", () => { sync(); moved(); }, { passive: true });
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
    time.textContent = clock(0);
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

  // ---- tips ------------------------------------------------------------------------------------------------------------------
  let shown = null;
  const showTip = (item) => {
    const entry = data.tips[+item.dataset.t];
    if (!entry) return;
    const title = document.createElement("b"), when = document.createElement("time"), list = document.createElement("dl");
    title.textContent = entry.h;
    when.textContent = entry.t;
    for (const [key, value] of entry.d) {
      const dt = document.createElement("dt"), dd = document.createElement("dd");
      dt.textContent = key;
      dd.textContent = value;
      list.append(dt, dd);
    }
    tip.replaceChildren(title, when, list);
    tip.hidden = false;
    shown?.removeAttribute("aria-describedby");
    shown = item;
    item.setAttribute("aria-describedby", "tip");
    place();
  };
  const place = () => {
    const box = shown.getBoundingClientRect(), view = body.getBoundingClientRect(), size = tip.getBoundingClientRect();
    const left = Math.max(box.left, view.left), right = Math.min(box.right, view.right);
    const x = Math.min(Math.max(12, (left + right - size.width) / 2), innerWidth - size.width - 12);
    const below = box.bottom + 8, above = box.top - size.height - 8, top = head.getBoundingClientRect().bottom + 4;
    const y = below + size.height < innerHeight - 8 ? below : above > top ? above : Math.max(8, innerHeight - size.height - 8);
    tip.style.transform = `translate(${Math.round(x)}px, ${Math.round(y)}px)`;
  };
  const hideTip = () => { tip.hidden = true; shown?.removeAttribute("aria-describedby"); shown = null; };
  const itemOf = (event) => event.target.closest?.(".it");
  body.addEventListener("pointermove", (event) => {
    if (event.pointerType !== "mouse") return;
    const item = itemOf(event);
    if (!item) hideTip(); else if (item !== shown) showTip(item);
  });
  body.addEventListener("pointerleave", (event) => { if (event.pointerType === "mouse") hideTip(); });
  body.addEventListener("focusin", (event) => { const item = itemOf(event); if (item && item.matches(":focus-visible")) showTip(item); });
  body.addEventListener("focusout", hideTip);
  document.addEventListener("click", (event) => { const item = itemOf(event); if (item) showTip(item); else hideTip(); });
  // Scrolling takes the pointer off its bar; a bar with the focus keeps its tip and takes it along.
  const moved = () => { if (shown && shown === document.activeElement) place(); else hideTip(); };
  addEventListener("scroll", moved, { passive: true });

  // ---- keys: one tab stop a row, arrows inside -----------------------------------------------------------------------------------
  body.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { hideTip(); return; }
    const item = itemOf(event);
    if (!item) return;
    const row = $$(".it", item.parentElement), rows = $$(".tl-row", body).filter((r) => r.offsetParent && $(".it", r));
    const i = row.indexOf(item), middle = (e) => { const r = e.getBoundingClientRect(); return (r.left + r.right) / 2; };
    const near = (step) => {
      const other = rows[rows.indexOf(item.closest(".tl-row")) + step];
      return other && $$(".it", other).reduce((a, b) => (Math.abs(middle(b) - middle(item)) < Math.abs(middle(a) - middle(item)) ? b : a));
    };
    const next = { ArrowRight: () => row[i + 1], ArrowLeft: () => row[i - 1], Home: () => row[0], End: () => row.at(-1), ArrowDown: () => near(1), ArrowUp: () => near(-1) }[event.key];
    if (!next) return;
    event.preventDefault();
    const target = next();
    if (!target) return;
    $$(".it", target.parentElement).forEach((e) => { e.tabIndex = e === target ? 0 : -1; });
    target.focus();
  });
  $$(".more").forEach((button) => button.addEventListener("click", () => {
    const open = button.getAttribute("aria-expanded") !== "true";
    button.setAttribute("aria-expanded", String(open));
    document.getElementById(button.getAttribute("aria-controls")).hidden = !open;
  }));
  $$("[data-seek]").forEach((button) => button.addEventListener("click", () => {
    const t = +button.dataset.seek;
    tl.scrollIntoView({ block: "start" });
    if (width !== null) body.scrollLeft = (t / duration) * width - body.clientWidth / 3;
    point(t);
  }));

  // ---- viewer of keyframes ---------------------------------------------------------------------------------------------------
  const viewer = $("#viewer");
  let current = 0;
  const view = (index) => {
    const picture = pictures[index];
    if (!picture) return;
    current = index;
    const image = $("img", viewer);
    image.src = picture.src;
    image.alt = picture.alt;
    $("figcaption", viewer).textContent = picture.alt;
  };
  const step = (by) => { for (let i = current + by; i >= 0 && i < pictures.length; i += by) if (pictures[i]) { view(i); return; } };
  $$("button.key").forEach((button) => button.addEventListener("click", () => { view(+button.dataset.shot); viewer.showModal(); }));
  viewer.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button?.dataset.step) step(+button.dataset.step); else if (!event.target.closest("img")) viewer.close();
  });
  viewer.addEventListener("keydown", (event) => { if (event.key === "ArrowRight") step(1); else if (event.key === "ArrowLeft") step(-1); });

  // ---- copying, and where in the page we are -------------------------------------------------------------------------------------
  $$("[data-copy]").forEach((button) => button.addEventListener("click", () => {
    const text = button.dataset.copy, label = $("b", button);
    const done = (words) => { label.textContent = words; $("#said").textContent = `${text} ${words}`; setTimeout(() => { label.textContent = text; }, 1200); };
    if (navigator.clipboard) navigator.clipboard.writeText(text).then(() => done("copied"), () => done("not copied")); else done("not copied");
  }));
  const links = new Map($$(".bar-links a").map((link) => [link.hash.slice(1), link]));
  const mark = () => {
    let now = null;
    for (const id of links.keys()) { const section = document.getElementById(id); if (section && section.getBoundingClientRect().top < innerHeight * 0.35) now = id; }
    for (const [id, link] of links) if (id === now) link.setAttribute("aria-current", "true"); else link.removeAttribute("aria-current");
  };
  addEventListener("scroll", mark, { passive: true });
  mark();
})();
