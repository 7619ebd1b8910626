// One analysis: how far it is, live; what was measured and what was not, and why; its clip, report, exports and story.

import { call, newKey, submit } from "/assets/api.js";
import { announce, attr, button, confirmed, fromTemplate, h, icon, keyed, linkButton, say, setVar, show } from "/assets/dom.js";
import { every, stream } from "/assets/live.js";
import { TITLES } from "/assets/names.js";
import { connection, remembered } from "/assets/state.js";
import { story } from "/assets/story.js";
import { handIn } from "/assets/uploads.js";
import { clock, ENTRY_STATES, estimate, EXPORTS, FINAL, percent, PHASES, plural, sentence, sourceOf, span, STATES, webAddress, when } from "/assets/words.js";

const LOOK_MS = 3000; // for what no event tells: the estimate
const STEP = 25; // percent: how often progress is told to those who listen
const GAPS = new Set(["failed", "timeout", "unavailable"]); // with what the reader can do about them
const ORDER = { running: 0, waiting: 1, ok: 2, not_applicable: 3 };

let formats = null; // that this server exports; read once from its own description
const exportFormats = async () => {
  if (formats === null) {
    const { paths, components } = await call("GET", "/openapi.json");
    const parameter = paths["/analyses/{id}/export/{format}"]?.get?.parameters?.find((p) => p.name === "format");
    const schema = parameter?.schema?.$ref ? components.schemas[parameter.schema.$ref.split("/").at(-1)] : parameter?.schema;
    formats = schema?.enum ?? [];
  }
  return formats;
};

const meter = (name) => {
  const state = h("span", { class: "status" }), took = h("span", { class: "took" });
  const element = h("li", {}, h("span", { class: "what" }, TITLES[name] ?? name), state, took);
  return {
    element,
    update([, of]) {
      attr(element, "class", `meter s-${of.state}`);
      say(state, of.reused && of.state === "ok" ? "Measured before" : ENTRY_STATES[of.state] ?? sentence(of.state));
      say(took, of.reused || of.seconds === null || of.seconds === undefined ? "" : span(of.seconds));
      attr(element, "title", of.reason ?? null);
    },
  };
};
const gap = ([name, of]) => ({
  element: h("li", { class: `gap s-${of.state}` }, h("div", { class: "gap-what" }, h("span", { class: "status" }, ENTRY_STATES[of.state]), h("b", {}, TITLES[name] ?? name)),
    h("div", { class: "gap-why" }, h("p", {}, of.reason ?? "no reason was told", of.code && h("code", {}, ` ${of.code}`)), of.hint && h("p", { class: "hint" }, of.hint))),
});

export const detail = (main, { id }) => {
  const { root, refs } = fromTemplate("t-detail");
  const path = `/analyses/${encodeURIComponent(id)}`;
  const meters = keyed(([name]) => meter(name)), gaps = keyed(gap), told = story(refs.story);
  const closing = new AbortController();
  let status = null, events = null, keysFor = "", stepSaid = null, documentFor = false, complaint = "", entries = {};

  refs.back.href = remembered.list;

  // ---- what it is ----------------------------------------------------------------------------------------------------------------
  const fact = (name, value, note) => value && h("div", {}, h("dt", {}, name), h("dd", {}, value, note && h("small", {}, note)));
  const facts = () => {
    const { source } = status, address = source.kind === "url" ? webAddress(source.url ?? source.name) : null;
    const took = status.started_at && status.finished_at ? (new Date(status.finished_at) - new Date(status.started_at)) / 1000 : null;
    const found = [
      fact("From", address ? h("a", { class: "out", href: address, target: "_blank", rel: "noopener noreferrer" }, h("bdi", {}, sourceOf(source))) : h("bdi", {}, source.name), { upload: "uploaded", path: "a file on the server" }[source.kind]),
      fact("Length", status.duration_s === null ? "" : clock(status.duration_s)),
      fact("Handed in", when(status.created_at)),
      fact("Took", took === null ? "" : span(took), status.duration_s && took ? `${(took / status.duration_s).toFixed(took / status.duration_s < 10 ? 1 : 0)}× the clip's length` : ""),
      fact("Tier", status.tier),
      fact("Analyzers", status.analyzers ? String(status.analyzers.length) : ""),
      fact("Priority", status.priority === 5 ? "" : String(status.priority)),
      fact("Tries", status.attempts > 1 ? String(status.attempts) : "", "begun again after a worker was lost"),
      fact("Worker", status.worker),
      fact("Callback", status.callback),
    ].filter(Boolean);
    const mark = found.map((f) => f.textContent).join("|");
    if (refs.facts.dataset.mark === mark) return;
    refs.facts.dataset.mark = mark;
    refs.facts.replaceChildren(...found);
  };

  const doing = async (element, work) => { // one at a time; what goes wrong is said
    if (element.getAttribute("aria-disabled")) return;
    element.setAttribute("aria-disabled", "true");
    try {
      await work();
    } catch (error) {
      trouble(error);
    } finally {
      element.removeAttribute("aria-disabled");
    }
  };
  const cancel = (event) => doing(event.currentTarget, async () => {
    if (!(await confirmed({ title: "Cancel this analysis?", text: `What was measured of “${status.title}” so far is thrown away.`, yes: "Cancel the analysis", no: "Keep going" }))) return;
    take(await call("DELETE", path));
    announce("Cancelled");
    refs.title.parentElement.focus();
  });
  const remove = (event) => doing(event.currentTarget, async () => {
    if (!(await confirmed({ title: "Delete everything of it?", text: `The document, the report, the pictures and the clip of “${status.title}” are removed from the server. This cannot be undone. What was corrected stays with the clip: a new analysis of it has the corrections.`, yes: "Delete", no: "Keep" }))) return;
    await call("DELETE", path, { query: { purge: "true" } });
    announce(`${status.title} was deleted.`);
    location.hash = remembered.list;
  });
  // The same again: a link is handed in anew, a file is taken from what the server keeps of it.
  const again = (event) => doing(event.currentTarget, async () => {
    const request = { priority: status.priority, ...(status.tier ? { tier: status.tier } : {}), ...(status.analyzers ? { analyzers: status.analyzers } : {}), ...(status.state === "done" || status.fresh ? { fresh: true } : {}) };
    const { source } = status, address = source.kind === "url" ? source.url ?? source.name : null;
    if (address) {
      const made = await submit({ url: address, ...request }, newKey());
      announce("Handed in again");
      location.hash = `#/a/${made.id}`;
      return;
    }
    const answer = await fetch(`${path}/media`, { signal: closing.signal }).catch(() => null);
    if (!answer?.ok) {
      trouble({ message: "The server keeps this clip no longer", hint: "Hand in the file again." });
      return;
    }
    const clip = await answer.blob();
    handIn({ file: new File([clip], source.name, { type: clip.type }), name: source.name, request });
    location.hash = remembered.list;
  });
  const keys = () => {
    if (keysFor === status.state) return;
    const focused = keysFor && refs.keys.contains(document.activeElement);
    keysFor = status.state;
    const done = status.state === "done", final = FINAL.has(status.state);
    refs.keys.replaceChildren(...[
      done && linkButton("Open the report", `${path}/report`, { kind: "primary", ic: "out", target: "_blank", rel: "noopener", "aria-label": "Open the report, in a new tab" }),
      done && linkButton("JSON", `${path}/export/json`, { ic: "save", download: "", "aria-label": "Save the document as JSON" }),
      final && button(done ? "Analyse again" : "Try again", again, { ic: "again", kind: status.state === "failed" ? "primary" : "" }),
      final ? button("Delete", remove, { ic: "bin", kind: "danger-quiet" }) : button("Cancel", cancel, { ic: "close", kind: "danger-quiet" }),
    ].filter(Boolean));
    if (focused) refs.title.parentElement.focus();
    if (done) addExports();
  };
  const addExports = async () => {
    const found = await exportFormats().catch(() => []);
    if (closing.signal.aborted || keysFor !== "done" || found.length === 0 || refs.keys.querySelector("details")) return;
    const menu = h("details", { class: "menu" }, h("summary", { class: "button" }, icon("save"), "Export"),
      h("ul", {}, found.map((format) => h("li", {}, h("a", { href: `${path}/export/${encodeURIComponent(format)}`, download: "" }, EXPORTS[format] ?? format)))));
    const shut = (back) => {
      menu.open = false;
      if (back) menu.firstElementChild.focus();
    };
    menu.addEventListener("keydown", (event) => event.key === "Escape" && menu.open && shut(true));
    menu.addEventListener("focusout", (event) => event.relatedTarget && !menu.contains(event.relatedTarget) && shut(false));
    document.addEventListener("click", (event) => !menu.contains(event.target) && shut(false), { signal: closing.signal });
    refs.keys.insertBefore(menu, refs.keys.children[2]);
  };

  // ---- how far it is ---------------------------------------------------------------------------------------------------------------
  const now = () => {
    const { progress, state } = status, final = FINAL.has(state), share = progress.share;
    show(refs.now, !final);
    if (final) return;
    const phase = state === "queued" ? "queued" : progress.phase;
    say(refs.phase, PHASES[phase] ?? sentence(phase));
    say(refs.share, state === "running" && share !== null ? percent(share) : "");
    refs.bar.classList.toggle("unknown", state === "running" && share === null);
    setVar(refs.bar, "--share", share ?? 0);
    attr(refs.bar, "aria-valuenow", share === null ? null : Math.round(share * 100));
    const of = progress.total_s && progress.done_s !== null && phase === "decode" ? `${clock(progress.done_s)} of ${clock(progress.total_s)}` : "";
    const { text, basis } = estimate(status);
    say(refs.left, [of, text && (basis ? `${text} (${basis})` : text)].filter(Boolean).join(" · "));
    attr(refs.bar, "aria-valuetext", [share === null ? "not known yet" : percent(share), of].filter(Boolean).join(", "));
    const step = share === null ? 0 : Math.floor((share * 100) / STEP) * STEP;
    if (stepSaid !== null && step > stepSaid && step < 100) announce(`${step} percent. ${text}`);
    stepSaid = Math.max(stepSaid ?? 0, step); // where it stands when it is opened is read there
  };
  const analyzers = () => {
    const over = FINAL.has(status.state); // what was on its way then did not end
    const all = Object.entries(entries).map(([name, of]) => [name, over && (of.state === "running" || of.state === "waiting") ? { ...of, state: "stopped" } : of]);
    const rows = all.filter(([, of]) => of.state !== "skipped"), left = all.length - rows.length;
    const wanting = rows.filter(([, of]) => GAPS.has(of.state) && (of.reason || of.hint));
    show(refs.gaps, wanting.length > 0);
    gaps.update(refs.gapList, wanting, ([name]) => name);
    const rest = rows.filter((row) => !wanting.includes(row)).sort(([, a], [, b]) => (over ? (ORDER[a.state] ?? 4) - (ORDER[b.state] ?? 4) : 0));
    show(refs.measured, rest.length > 0);
    meters.update(refs.meters, rest, ([name]) => name);
    const ok = rows.filter(([, of]) => of.state === "ok").length;
    say(refs.counts, `${ok} of ${rows.length} ${over && status.state !== "done" ? "had ended" : "measured"}${left ? `, ${left} not asked for` : ""}`);
  };
  const fromDocument = async () => {
    if (documentFor || status.state !== "done") return;
    documentFor = true;
    try {
      const document = await call("GET", `${path}/document`, { signal: closing.signal });
      entries = Object.fromEntries(Object.entries(document.analyzers ?? {}).map(([name, entry]) => [name, { state: entry.status, seconds: entry.seconds, reused: entry.reused, code: entry.code, reason: entry.reason, hint: entry.hint }]));
      analyzers();
    } catch (error) {
      if (!closing.signal.aborted) trouble(error);
    }
  };
  const player = () => {
    if (status.state !== "done" || !refs.player.hidden) return;
    const video = h("video", { src: `${path}/media`, controls: true, preload: "metadata", playsinline: true, "aria-label": `The clip: ${status.title}` });
    video.addEventListener("error", async () => {
      const kept = await call("HEAD", `${path}/media`, { signal: closing.signal }).then(() => true, () => false);
      video.replaceWith(h("p", { class: "quiet" }, kept ? "This browser cannot play the clip. " : "The server keeps this clip no longer.",
        kept && h("a", { href: `${path}/media`, download: status.source.name }, "Save it")));
    }, { once: true });
    refs.player.append(video);
    show(refs.player, true);
    refs.halves.classList.add("with-player");
  };

  const trouble = (error) => {
    const text = error ? [error.message, error.hint, error.code].join("|") : "";
    if (text === complaint) return;
    complaint = text;
    refs.trouble.replaceChildren(error ? h("div", { class: "alert", role: "alert" }, icon("warn"), h("div", {}, h("p", {}, sentence(error.message), error.code && h("code", {}, ` ${error.code}`)), error.hint && h("p", { class: "hint" }, error.hint),
      error.attempts && h("p", { class: "more" }, `Tried ${plural(error.attempts, "time")}.`))) : "");
  };

  const take = (fresh) => {
    const before = status?.state;
    status = fresh;
    say(refs.state, STATES[status.state]);
    attr(refs.state.parentElement, "class", `kicker s-${status.state}`);
    say(refs.title, status.title);
    document.title = `${status.title} · reelscope`;
    facts();
    keys();
    now();
    if (!documentFor && Object.keys(status.progress.analyzers).length) entries = status.progress.analyzers;
    analyzers();
    if (FINAL.has(status.state)) {
      if (status.error) trouble(status.error);
      player();
      fromDocument();
    } else trouble(null);
    if (before && before !== status.state) announce(`${status.title}: ${STATES[status.state]}${status.error ? `. ${status.error.message}` : ""}`);
  };

  // ---- live --------------------------------------------------------------------------------------------------------------------------
  let ended = false;
  const gone = () => {
    looking.stop();
    events?.close();
    const lost = fromTemplate("t-lost");
    say(lost.refs.title, "This analysis is not here");
    say(lost.refs.text, "It was deleted, or the address is not complete.");
    main.replaceChildren(lost.root);
    lost.refs.title.focus();
  };
  const look = async () => {
    try {
      take(await call("GET", path, { signal: closing.signal }));
      connection("detail", true);
      return true;
    } catch (error) {
      if (closing.signal.aborted || error.status === 401) return false;
      if (error.status === 404 || error.status === 422) {
        gone();
        return false;
      }
      connection("detail", error.code !== "no_connection");
      if (error.code !== "no_connection" && !status) trouble(error);
      throw error;
    }
  };
  const onEvent = (event) => {
    if (!told.take(event) || !status) return;
    const { kind, data } = event;
    if (kind === "progress" && !FINAL.has(status.state)) {
      take({ ...status, progress: { ...status.progress, ...data } });
    } else if (kind === "progress" && !documentFor) {
      entries = data.analyzers ?? entries; // of one that has ended before it was opened: how far it came
      analyzers();
    }
    if (kind !== "state") return;
    if (FINAL.has(data.state)) {
      ended = true;
      events.close();
    }
    if (!FINAL.has(status.state) && data.state !== status.state) looking.now(); // not for what is only told again
  };
  const follow = () => {
    events = stream(() => `${path}/events?after=${told.last}`, { state: onEvent, progress: onEvent, log: onEvent }, {
      onState: (is) => {
        connection("detail events", is !== "lost");
        say(refs.streamed, is === "open" && !FINAL.has(status.state) ? "live" : "");
      },
      check: async () => !ended && (await look()), restsHidden: true, // a browser has few connections to one server
    });
  };
  const looking = every(async () => {
    if (!(await look())) return null;
    if (!events) follow();
    return FINAL.has(status.state) ? null : LOOK_MS;
  });

  main.replaceChildren(root);
  say(refs.title, "…");
  return {
    title: "Analysis",
    focus: refs.title.parentElement,
    close() {
      closing.abort();
      looking.stop();
      events?.close();
      connection("detail", true);
      connection("detail events", true);
    },
  };
};
