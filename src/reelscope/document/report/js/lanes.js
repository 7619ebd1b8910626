// Lanes: which are shown and in which order. By the panel, by a lane's own menu and its keys, or by dragging a lane's name.
{
  const inner = $(".tl-inner", body), panel = $("#lanes-panel"), menu = $("#lane-menu"), opener = $(".lanes-open");
  const lanes = () => $$(".lane", inner), shown = () => lanes().filter((lane) => !lane.hidden);
  const nameOf = (lane) => lane.dataset.analyzer, titleOf = (lane) => $("h3", lane).textContent;
  const first = lanes().map(nameOf);
  const keep = () => kept.set("lanes", { order: lanes().map(nameOf), hidden: lanes().filter((lane) => lane.hidden).map(nameOf) });
  const end = $(".no-lanes", inner);

  const told = () => {
    const away = lanes().filter((lane) => lane.hidden).length;
    if (opener) $(".lanes-hidden").textContent = away ? `${away} hidden` : "";
    if (first.length) end.hidden = away < first.length;
  };
  // Names that this page does not have are somebody else's; lanes that are not named keep their place among those that are.
  const arrange = (order) => {
    const by = new Map(lanes().map((lane) => [nameOf(lane), lane])), place = new Map(order.filter((name) => by.has(name)).map((name, i) => [name, i]));
    let last = -1;
    const ranked = first.map((name) => { last = place.get(name) ?? last; return [name, place.get(name) ?? last + 0.5]; });
    const next = ranked.sort((a, b) => a[1] - b[1]).map(([name]) => by.get(name));
    if (next.some((lane, i) => lane !== lanes()[i])) next.forEach((lane) => end.before(lane));
  };
  const restore = ({ order, hidden }) => {
    if (Array.isArray(order)) arrange(order);
    if (Array.isArray(hidden)) lanes().forEach((lane) => { lane.hidden = hidden.includes(nameOf(lane)); });
    told();
  };
  if (first.length) restore(kept.get("lanes", {}) ?? {});

  const show = (lane, on) => { lane.hidden = !on; keep(); told(); };
  const move = (lane, step) => {
    const all = shown(), to = all[all.indexOf(lane) + step];
    if (!to) { say(`${titleOf(lane)} is ${step < 0 ? "first" : "last"} already`); return; }
    if (step < 0) to.before(lane); else to.after(lane);
    keep();
    say(`${titleOf(lane)} moved ${step < 0 ? "up" : "down"}`);
  };

  // A popover beside its button, inside of the window.
  const beside = (pop, button) => {
    const at = button.getBoundingClientRect();
    pop.showPopover();
    const size = pop.getBoundingClientRect();
    pop.style.left = `${Math.max(8, Math.min(at.left, innerWidth - size.width - 8))}px`;
    pop.style.top = `${at.bottom + 4 + size.height < innerHeight ? at.bottom + 4 : Math.max(8, at.top - size.height - 4)}px`;
  };

  // ---- the menu of a lane ------------------------------------------------------------------------------------------------------
  let owner = null;
  inner.addEventListener("click", (event) => {
    const button = event.target.closest(".lane-open");
    if (!button) return;
    owner = button.closest(".lane");
    const all = shown(), i = all.indexOf(owner);
    $$("[data-lane]", menu).forEach((entry) => { entry.disabled = { up: i === 0, top: i === 0, down: i === all.length - 1 }[entry.dataset.lane] ?? false; });
    beside(menu, button);
    $("[data-lane]:not(:disabled)", menu).focus();
  });
  menu?.addEventListener("click", (event) => {
    const what = event.target.closest("[data-lane]")?.dataset.lane, lane = owner;
    if (!what) return;
    menu.hidePopover();
    if (what === "only") {
      lanes().forEach((other) => { other.hidden = other !== lane; });
      keep();
      told();
      say(`Only ${titleOf(lane)} is shown`);
      $(".lane-open", lane).focus();
      return;
    }
    if (what === "hide") {
      show(lane, false);
      say(`${titleOf(lane)} hidden`);
      opener.focus();
      return;
    }
    if (what === "top") { shown()[0].before(lane); keep(); say(`${titleOf(lane)} moved to the top`); } else move(lane, what === "up" ? -1 : 1);
    $(".lane-open", lane).focus();
  });
  menu?.addEventListener("keydown", (event) => {
    if (event.key === "Tab") { menu.hidePopover(); return; }
    const entries = $$("[data-lane]:not(:disabled)", menu), i = entries.indexOf(document.activeElement), n = entries.length;
    const to = { ArrowDown: (i + 1) % n, ArrowUp: (i + n - 1) % n, Home: 0, End: n - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    entries[to].focus();
  });
  menu?.addEventListener("toggle", (event) => { if (event.newState === "closed" && (document.activeElement === document.body || menu.contains(document.activeElement))) $(".lane-open", owner)?.focus(); });
  inner.addEventListener("keydown", (event) => {
    const lane = event.target.closest(".lane-open")?.closest(".lane");
    const step = event.altKey && { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (!lane || !step) return;
    event.preventDefault();
    move(lane, step);
    $(".lane-open", lane).focus();
  });

  // ---- the panel of all lanes ----------------------------------------------------------------------------------------------------
  const list = () => $(".lane-list").replaceChildren(...lanes().map((lane) => make("li", {}, make("label", {}, make("input", { type: "checkbox", checked: !lane.hidden, value: nameOf(lane) }), make("span", { textContent: titleOf(lane) })))));
  opener?.addEventListener("click", () => { list(); beside(panel, opener); $("input", panel)?.focus(); });
  panel?.addEventListener("toggle", (event) => opener.setAttribute("aria-expanded", String(event.newState === "open")));
  panel?.addEventListener("change", (event) => show(lanes().find((lane) => nameOf(lane) === event.target.value), event.target.checked));
  $("#timeline").addEventListener("click", (event) => {
    const what = event.target.closest("[data-lanes]")?.dataset.lanes;
    if (!what) return;
    lanes().forEach((lane) => { lane.hidden = false; });
    if (what === "reset") arrange(first);
    keep();
    told();
    list();
    say(what === "reset" ? "Lanes as they were" : "All lanes shown");
  });

  // ---- dragging a lane by its name -------------------------------------------------------------------------------------------------
  const LIFT_PX = 5, EDGE_PX = 56;
  let lifted = null;
  const unmark = () => $$(".drop-before, .drop-after", inner).forEach((lane) => lane.classList.remove("drop-before", "drop-after"));
  const put = () => { lifted?.lane.classList.remove("lifted"); unmark(); tl.classList.remove("lifting"); lifted = null; };
  inner.addEventListener("pointerdown", (event) => {
    const label = event.target.closest(".lane-head .tl-label");
    if (!label || event.button !== 0 || event.pointerType === "touch" || event.target.closest("button")) return;
    lifted = { lane: label.closest(".lane"), y: event.clientY, to: null, after: false, id: event.pointerId, label };
  });
  inner.addEventListener("pointermove", (event) => {
    if (!lifted || event.pointerId !== lifted.id) return;
    if (!tl.classList.contains("lifting")) {
      if (Math.abs(event.clientY - lifted.y) < LIFT_PX) return;
      lifted.label.setPointerCapture(event.pointerId);
      tl.classList.add("lifting");
      lifted.lane.classList.add("lifted");
    }
    if (event.clientY > innerHeight - EDGE_PX) scrollBy({ top: 14, behavior: "instant" });
    if (event.clientY < head.getBoundingClientRect().bottom + EDGE_PX / 2) scrollBy({ top: -14, behavior: "instant" });
    const box = body.getBoundingClientRect();
    const under = document.elementsFromPoint(box.left + 20, event.clientY).find((e) => e.closest?.(".lane"))?.closest(".lane");
    unmark();
    lifted.to = under && under !== lifted.lane ? under : null;
    if (!lifted.to) return;
    const at = lifted.to.getBoundingClientRect();
    lifted.after = event.clientY > (at.top + at.bottom) / 2;
    lifted.to.classList.add(lifted.after ? "drop-after" : "drop-before");
  });
  inner.addEventListener("pointerup", () => {
    if (!lifted) return;
    const { lane, to, after } = lifted;
    put();
    if (!to) return;
    if (after) to.after(lane); else to.before(lane);
    keep();
    say(`${titleOf(lane)} moved`);
  });
  inner.addEventListener("pointercancel", put);
  addEventListener("keydown", (event) => { if (event.key === "Escape") put(); });
}
