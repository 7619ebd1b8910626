// Where clips are handed in: files dropped, chosen or pasted, links typed or pasted, and what is asked for.

import { call } from "/assets/api.js";
import { announce, h, say, show } from "/assets/dom.js";
import { TITLES } from "/assets/names.js";
import { handIn, uploadsIn } from "/assets/uploads.js";
import { plural, webAddress } from "/assets/words.js";

const NORMAL = 5;
const PRIORITIES = { 1: "first", 3: "soon", 5: "normal", 8: "when there is time", 10: "last" };
const MOST_LINKS = 100; // more is a batch: `reelscope batch`

// One word a link: what is pasted may hold several, by lines or spaces. Returns {links, wrong: first that is none}.
export const linksIn = (text) => {
  const words = text.split(/\s+/).filter(Boolean).map((word) => (/^[a-z][a-z0-9+.-]*:/i.test(word) ? word : `https://${word}`));
  const wrong = words.find((word) => {
    const url = webAddress(word);
    return !url || !/[.:]/.test(new URL(url).host.replace(/^localhost$/, "."));
  });
  return { links: [...new Set(words)], wrong };
};

export const intake = (refs) => {
  const { form, choose, file, links, wrong, options, chosen, tier, priority, fresh, boxes, asking, zone } = refs;
  const shown = uploadsIn(refs.uploads);

  // ---- what is asked for ---------------------------------------------------------------------------------------------------------
  for (let n = 1; n <= 10; n++) priority.append(h("option", { value: n, selected: n === NORMAL }, PRIORITIES[n] ? `${n} · ${PRIORITIES[n]}` : n));
  const checks = () => [...boxes.querySelectorAll("input")];
  const picked = () => checks().filter((box) => box.checked).map((box) => box.value);
  const request = () => {
    const some = checks().length && picked().length < checks().length;
    return {
      ...(tier.value ? { tier: tier.value } : {}),
      ...(Number(priority.value) !== NORMAL ? { priority: Number(priority.value) } : {}),
      ...(fresh.checked ? { fresh: true } : {}),
      ...(some ? { analyzers: picked() } : {}),
    };
  };
  const summarise = () => {
    const all = checks().length, some = picked().length;
    say(chosen, [
      all && some < all ? plural(some, "analyzer") : "all analyzers",
      tier.value ? `tier ${tier.value}` : "",
      Number(priority.value) !== NORMAL ? `priority ${priority.value}` : "",
      fresh.checked ? "computed anew" : "",
    ].filter(Boolean).join(", "));
  };
  const askAnalyzers = async () => {
    show(asking, true);
    let found;
    try {
      found = (await call("GET", "/analyzers")).items;
      show(asking, false);
    } catch (error) {
      found = Object.keys(TITLES).map((name) => ({ name }));
      say(asking, `Which of them can run here is not known: ${error.message}.`);
    }
    const before = new Set(checks().length ? picked() : found.map((a) => a.name));
    boxes.replaceChildren(...found.map(({ name, title, status, reason, hint }) => h("li", {},
      h("label", { class: "check" }, h("input", { type: "checkbox", value: name, checked: before.has(name) }),
        h("span", {}, TITLES[name] ?? title ?? name, h("small", {}, status === "unavailable" ? `cannot run here: ${[reason, hint].filter(Boolean).join(". ")}` : name))))));
    summarise();
  };
  let asked = false;
  options.addEventListener("toggle", () => {
    if (options.open && !asked) {
      asked = true;
      askAnalyzers();
    }
  });
  options.addEventListener("change", summarise);
  const setAll = (to) => {
    for (const box of checks()) box.checked = to;
    summarise();
  };
  refs.all.addEventListener("click", () => setAll(true));
  refs.none.addEventListener("click", () => setAll(false));
  summarise();
  const ready = () => {
    if (checks().length && picked().length === 0) {
      complain("Choose at least one analyzer.");
      options.open = true;
      refs.all.focus();
      return false;
    }
    return true;
  };

  // ---- files -------------------------------------------------------------------------------------------------------------------------
  const complain = (text) => {
    say(wrong, text);
    if (text && links.value) links.setAttribute("aria-invalid", "true");
    else links.removeAttribute("aria-invalid");
  };
  const take = (files) => {
    complain("");
    if (!ready()) return;
    const empty = files.filter((f) => f.size === 0);
    for (const f of files) if (f.size > 0) handIn({ file: f, name: f.name, request: request() });
    if (empty.length) complain(empty.length === 1 ? `“${empty[0].name}” is empty.` : `${empty.length} of these files are empty.`);
    if (files.length > empty.length) announce(`${plural(files.length - empty.length, "clip")} taken.`);
  };
  choose.addEventListener("click", () => file.click());
  file.addEventListener("change", () => {
    take([...file.files]);
    file.value = "";
  });

  // ---- dropping, anywhere ----------------------------------------------------------------------------------------------------------------
  const veil = document.getElementById("veil");
  let depth = 0;
  const carries = (event) => [...(event.dataTransfer?.types ?? [])].some((type) => type === "Files" || type === "text/uri-list" || type === "text/plain");
  const inField = (event) => event.target instanceof Element && event.target.closest("input, textarea");
  const over = (on) => {
    show(veil, on);
    zone.classList.toggle("over", on);
  };
  const drops = {
    dragenter(event) {
      if (!carries(event)) return;
      depth += 1;
      over(true);
    },
    dragleave(event) {
      if (!carries(event)) return;
      depth = Math.max(0, depth - 1);
      if (depth === 0) over(false);
    },
    dragover(event) {
      if (carries(event)) event.preventDefault();
    },
    drop(event) {
      depth = 0;
      over(false);
      if (!carries(event) || (inField(event) && !event.dataTransfer.files.length)) return;
      event.preventDefault();
      const entries = [...event.dataTransfer.items].filter((item) => item.kind === "file").map((item) => [item.webkitGetAsEntry?.(), item.getAsFile()]);
      const folders = entries.filter(([entry]) => entry?.isDirectory).length;
      const files = entries.filter(([entry, f]) => !entry?.isDirectory && f).map(([, f]) => f);
      if (files.length) take(files);
      else if (!folders) add(event.dataTransfer.getData("text/uri-list") || event.dataTransfer.getData("text/plain"));
      if (folders) complain("A folder cannot be dropped. Open it and drop the clips in it.");
    },
    paste(event) {
      if (inField(event)) return;
      const files = [...(event.clipboardData?.files ?? [])];
      if (files.length) take(files);
      else add(event.clipboardData?.getData("text/plain") ?? "");
    },
  };
  for (const [name, on] of Object.entries(drops)) document.addEventListener(name, on);

  // ---- links -------------------------------------------------------------------------------------------------------------------------------
  const grow = () => {
    links.style.height = "auto";
    links.style.height = `${Math.min(links.scrollHeight + 2, 200)}px`;
  };
  const add = (text) => {
    if (!text.trim()) return;
    links.value = [links.value.trim(), text.trim()].filter(Boolean).join("\n");
    grow();
    links.focus();
  };
  links.addEventListener("input", () => {
    grow();
    complain("");
  });
  links.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      form.requestSubmit();
    }
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const found = linksIn(links.value);
    const problem = found.links.length === 0 ? "Paste a link first, or choose a file."
      : found.wrong ? `“${found.wrong.replace(/^https:\/\//, "")}” is not an address of the web.`
        : found.links.length > MOST_LINKS ? `These are ${found.links.length} links; at most ${MOST_LINKS} at a time. For more there is “reelscope batch”.` : "";
    complain(problem);
    if (problem) {
      links.focus();
      return;
    }
    if (!ready()) return;
    for (const url of found.links) handIn({ name: url, request: { url, ...request() } });
    links.value = "";
    grow();
    links.focus();
  });

  return {
    close() {
      shown.close();
      over(false);
      for (const [name, on] of Object.entries(drops)) document.removeEventListener(name, on);
    },
  };
};
