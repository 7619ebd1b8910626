// The list of analyses, newest first: looked at every two seconds while something goes on, less often while nothing does.

import { call } from "/assets/api.js";
import { announce, attr, button, fromTemplate, h, keyed, linkButton, say, setVar, show } from "/assets/dom.js";
import { intake } from "/assets/intake.js";
import { every } from "/assets/live.js";
import { connection, remembered } from "/assets/state.js";
import { changes, listed } from "/assets/uploads.js";
import { ago, clock, estimate, FINAL, number, percent, plural, sourceOf, STATES, when } from "/assets/words.js";

const BUSY_MS = 2000, IDLE_MS = 6000, TYPING_MS = 250;
const PAGE = 20;
const KINDS = { url: "Link", upload: "Upload", path: "File on the server" }; // said where the title says the rest
const FILTERS = { "": "All", ...STATES };

const row = () => {
  const state = h("span", { class: "status" }), title = h("bdi"), link = h("a", { class: "row-link" }, title);
  const source = h("bdi"), length = h("span"), at = h("time");
  const track = h("div", { class: "track", "aria-hidden": "true" }, h("i")), figure = h("span", { class: "figure" }), note = h("span", { class: "note" });
  const keys = h("div", { class: "row-keys" });
  const element = h("li", { class: "row" },
    h("div", { class: "row-what" }, h("h3", {}, link), h("p", { class: "line-2" }, source, length, at)),
    h("div", { class: "row-state" }, state, figure, track, note), keys);
  let keysFor = "";
  const update = (status) => {
    attr(element, "class", `row s-${status.state}`);
    attr(link, "href", `#/a/${status.id}`);
    say(title, status.title);
    const from = sourceOf(status.source);
    say(source, [from, status.source.name, status.source.url].includes(status.title) ? KINDS[status.source.kind] : from);
    say(length, clock(status.duration_s));
    show(length, status.duration_s !== null);
    say(at, ago(status.created_at));
    attr(at, "datetime", status.created_at);
    attr(at, "title", when(status.created_at));
    say(state, STATES[status.state]);
    const running = status.state === "running", share = status.progress.share;
    show(track, running);
    track.classList.toggle("unknown", share === null);
    setVar(track, "--share", share ?? 0);
    say(figure, running && share !== null ? percent(share) : "");
    const { text, basis } = estimate(status);
    const measured = status.ok !== null ? `${status.ok} of ${status.ok + (status.failed ?? 0) + (status.unavailable ?? 0)} measured` : "";
    say(note, { queued: text, running: text, done: [measured, status.failed ? `${number(status.failed)} failed` : ""].filter(Boolean).join(", "), failed: status.error?.message ?? "", cancelled: "" }[status.state]);
    attr(note, "title", basis || null);
    if (keysFor !== status.state) {
      keysFor = status.state;
      keys.replaceChildren(status.state === "done"
        ? linkButton("Report", `/analyses/${encodeURIComponent(status.id)}/report`, { ic: "out", target: "_blank", rel: "noopener", "aria-label": `Report of ${status.title}, in a new tab` }) : "");
    }
  };
  return { element, update };
};

export const list = (main, params) => {
  const { root, refs } = fromTemplate("t-list");
  const handing = intake(refs);
  const rows = keyed(row);
  let query = params.get("q") ?? "", state = FILTERS[params.get("state")] ? params.get("state") : "", cursors = [null];
  let stopped = null, seen = null, count = "";

  refs.q.value = query;
  refs.states.append(...Object.entries(FILTERS).map(([value, text]) => h("label", {}, h("input", { type: "radio", name: "state", value, checked: value === state }), h("span", {}, text))));

  const remember = () => {
    const kept = new URLSearchParams({ ...(query ? { q: query } : {}), ...(state ? { state } : {}) }).toString();
    remembered.list = kept ? `#/?${kept}` : "#/";
    history.replaceState(null, "", remembered.list);
  };
  const find = () => {
    cursors = [null];
    count = "asked";
    remember();
    stopped?.abort();
    looking.now();
  };
  let typing;
  refs.q.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(() => {
      query = refs.q.value.trim();
      find();
    }, TYPING_MS);
  });
  refs.finder.addEventListener("submit", (event) => event.preventDefault());
  refs.states.addEventListener("change", (event) => {
    state = event.target.value;
    find();
  });
  const turn = (to) => {
    cursors = to;
    count = "turned";
    stopped?.abort();
    looking.now();
    document.getElementById("list-h").scrollIntoView({ block: "start" });
  };
  refs.older.addEventListener("click", () => seen?.next && turn([...cursors, seen.next]));
  refs.newer.addEventListener("click", () => cursors.length > 1 && turn(cursors.slice(0, -1)));

  const draw = (found) => {
    seen = found;
    show(refs.trouble, false);
    rows.update(refs.rows, found.items, (status) => status.id);
    listed(new Set(found.items.map((status) => status.id)));
    const narrowed = query || state;
    say(refs.total, found.total ? (narrowed ? `${plural(found.total, "match", "matches")}` : number(found.total)) : "");
    const first = (cursors.length - 1) * PAGE + 1;
    show(refs.pages, Boolean(found.next) || cursors.length > 1);
    say(refs.where, `${number(first)}\u2013${number(first + found.items.length - 1)} of ${number(found.total)}`);
    attr(refs.newer, "aria-disabled", cursors.length > 1 ? null : "true");
    attr(refs.older, "aria-disabled", found.next ? null : "true");
    show(refs.empty, found.items.length === 0);
    show(refs.finder, Boolean(found.total || narrowed || cursors.length > 1));
    if (found.items.length === 0) empty(narrowed);
    if (count === "asked") announce(found.total ? plural(found.total, "analysis", "analyses") : "Nothing found");
    if (count === "turned") announce(`${refs.where.textContent}`);
    count = "";
  };
  const empty = (narrowed) => {
    const found = narrowed ? ["Nothing matches", query ? `No ${state ? `${STATES[state].toLowerCase()} ` : ""}analysis has “${query}” in its title, its speech or its on-screen text, as they were measured: corrections are not searched.` : `No analysis is ${STATES[state].toLowerCase()} at the moment.`]
      : ["No analyses yet", "What you hand in above appears here, with its progress, its report and everything that was measured."];
    say(refs.emptyTitle, found[0]);
    say(refs.emptyText, found[1]);
    if (narrowed && !refs.emptyKeys.firstChild) refs.emptyKeys.append(button("Show all", () => {
      query = state = refs.q.value = "";
      refs.states.querySelector("input").checked = true;
      find();
      refs.q.focus();
    }));
    if (!narrowed) refs.emptyKeys.replaceChildren();
  };

  const looking = every(async () => {
    const asked = new AbortController();
    stopped = asked;
    try {
      const found = await call("GET", "/analyses", { query: { q: query, state, limit: PAGE, cursor: cursors.at(-1) }, signal: asked.signal });
      connection("list", true);
      draw(found);
      return found.items.some((status) => !FINAL.has(status.state)) ? BUSY_MS : IDLE_MS;
    } catch (error) {
      if (asked.signal.aborted) return BUSY_MS;
      if (error.code === "bad_cursor") cursors = [null];
      connection("list", error.code !== "no_connection");
      if (error.code !== "no_connection" && error.status !== 401) {
        refs.trouble.replaceChildren(h("p", { class: "quiet" }, error.message, error.hint && h("span", { class: "hint" }, error.hint)));
        show(refs.trouble, true);
      }
      if (error.retryAfterS !== null && error.retryAfterS !== undefined) return Math.max(BUSY_MS, error.retryAfterS * 1000);
      throw error;
    }
  });
  changes.addEventListener("handed", looking.now);
  remember();
  main.replaceChildren(root);

  return {
    title: "Analyses",
    focus: refs.form.parentElement.querySelector("h1"),
    close() {
      clearTimeout(typing);
      stopped?.abort();
      looking.stop();
      handing.close();
      connection("list", true);
      changes.removeEventListener("handed", looking.now);
    },
  };
};
