// The page's own furniture: the filmstrip, where in the page we are, seeking buttons, the list of keys.
{
  const film = $(".film"); // the clip at a glance; the shot list says the same to those who do not see it
  pictures.forEach((picture, i) => {
    if (!picture) return;
    const still = make("i");
    still.style.backgroundImage = `url("${picture.src}")`;
    still.addEventListener("click", () => playhead.seek(data.shots[i].s));
    film.append(still);
    film.hidden = false;
  });

  // Anything with data-seek goes to its second.
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-seek]");
    if (button) playhead.seek(+button.dataset.seek);
    const copied = event.target.closest("[data-copy]");
    if (copied) copy(copied.dataset.copy, copied.dataset.said || `${copied.dataset.copy} copied`);
  });

  const links = new Map($$(".bar-links a").map((link) => [link.hash.slice(1), link]));
  const mark = () => {
    let now = null;
    for (const id of links.keys()) { const section = document.getElementById(id); if (section && section.getBoundingClientRect().top < innerHeight * 0.35) now = id; }
    for (const [id, link] of links) if (id === now) link.setAttribute("aria-current", "true"); else link.removeAttribute("aria-current");
  };
  $(".bar-links").addEventListener("focusin", ({ target }) => target.scrollIntoView({ block: "nearest", inline: "nearest" })); // a sliver in sight is enough for browsers
  addEventListener("scroll", mark, { passive: true });
  mark();

  key(" ", "Play or pause", () => playhead.toggle());
  key("k", "Play or pause", () => playhead.toggle());
  key("ArrowLeft", "A frame back", () => playhead.step(-1));
  key("ArrowRight", "A frame on", () => playhead.step(1));
  key("Shift+ArrowLeft", "A second back", () => playhead.seek(playhead.t - 1));
  key("Shift+ArrowRight", "A second on", () => playhead.seek(playhead.t + 1));
  key("ArrowUp", "The shot before", () => toShot(-1));
  key("ArrowDown", "The next shot", () => toShot(1));
  key("Home", "The start", () => playhead.seek(0));
  key("End", "The end", () => playhead.seek(duration));
  key("l", "Copy a link to this moment", () => copy(linkTo(playhead.t), `Link to ${clock(playhead.t)} copied`));

  const help = $("#keys");
  key("?", "These keys", () => help.showModal());
  const NAMES = { " ": "Space", ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓", "Shift+ArrowLeft": "Shift ←", "Shift+ArrowRight": "Shift →" };
  help.addEventListener("toggle", () => {
    const list = $("dl", help);
    const rows = new Map(), own = keyList.findIndex(({ name }) => name === " "); // what plays and steps comes first
    for (const { name, words } of [...keyList.slice(own), ...keyList.slice(0, own)]) rows.set(words, [...(rows.get(words) ?? []), NAMES[name] ?? name]);
    list.replaceChildren(...[...rows].map(([words, names]) => make("div", {}, make("dt", {}, ...names.map((n) => make("kbd", {}, n))), make("dd", {}, words))));
  });
  help.addEventListener("click", (event) => { if (event.target === help || event.target.closest("[data-close]")) help.close(); });
  $$("[data-keys]").forEach((button) => button.addEventListener("click", () => help.showModal()));

  const first = linked(location.href);
  if (first !== null) playhead.seek(first);
}
