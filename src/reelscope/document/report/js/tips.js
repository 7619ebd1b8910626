// Details of the bar under the pointer or with the focus, and the keys inside of the lanes.
{
  // ---- tips ------------------------------------------------------------------------------------------------------------------
  let shown = null;
  const showTip = (item) => {
    const entry = many.get(item) ?? data.tips[+item.dataset.t];
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
  addEventListener("keydown", (event) => { if (event.key === "Escape") hideTip(); }); // wherever the focus is
  // Scrolling takes the pointer off its bar; a bar with the focus keeps its tip and takes it along.
  const moved = () => { if (shown && shown === document.activeElement) place(); else hideTip(); };
  addEventListener("scroll", moved, { passive: true });
  body.addEventListener("scroll", moved, { passive: true });

  // ---- keys: one tab stop a row, arrows inside -----------------------------------------------------------------------------------
  // Only where the focus came by keys. Who clicked a bar wants to see its moment; the keys stay the page's, as after any other click.
  body.addEventListener("keydown", (event) => {
    const item = itemOf(event);
    if (!item || item === pointed || event.altKey || event.ctrlKey || event.metaKey) return;
    const row = $$(".it", item.parentElement), rows = $$(".tl-row", body).filter((r) => r.offsetParent && $(".it, [data-dense]", r));
    const i = row.indexOf(item), middle = (e) => parseFloat(e.style.left) + (parseFloat(e.style.width) || 0) / 2;
    const dense = denseRows.get(item.parentElement);
    const near = (step) => {
      const other = rows[rows.indexOf(item.closest(".tl-row")) + step];
      if (!other) return null;
      denseRows.get($(".tl-track", other))?.draw();
      return $$(".it", other).reduce((a, b) => (Math.abs(middle(b) - middle(item)) < Math.abs(middle(a) - middle(item)) ? b : a));
    };
    const next = { ArrowRight: () => row[i + 1], ArrowLeft: () => row[i - 1], Home: () => dense?.edge(false) ?? row[0], End: () => dense?.edge(true) ?? row.at(-1), ArrowDown: () => near(1), ArrowUp: () => near(-1) }[event.key];
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
}
