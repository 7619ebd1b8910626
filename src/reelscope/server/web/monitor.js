// The monitor: what machines, queue, workers, models and analyzers do, once a second. A figure that is not known is a dash, never 0.

import { call } from "/assets/api.js";
import { announce, attr, fromTemplate, h, keyed, say, setVar, show } from "/assets/dom.js";
import { stream } from "/assets/live.js";
import { TITLES } from "/assets/names.js";
import { spark } from "/assets/spark.js";
import { connection } from "/assets/state.js";
import { ago, mib, NA, number, percent, PHASES, plural, rate, sentence, span } from "/assets/words.js";

const SPAN_S = 300;
const ORDER = Object.keys(TITLES);
const rank = (name) => (ORDER.includes(name) ? ORDER.indexOf(name) : ORDER.length); // a plugin's come last
const FULL = 0.9; // from here on a disk, a memory or a GPU's memory is shown as nearly full
const SERVER = { starting: "Starting", ready: "Ready", draining: "Ending: takes no more clips" };
const WORKER = { starting: "Starting", ready: "Ready", draining: "Ending", gone: "Gone" };

// A name, a figure, and a bar where there is something to be full.
const level = (name) => {
  const value = h("dd"), bar = h("div", { class: "track", "aria-hidden": "true" }, h("i"));
  const element = h("div", { class: "level" }, h("dt", {}, name), value, bar);
  return {
    element,
    set(text, share) {
      say(value, text);
      show(bar, share !== null && share !== undefined);
      setVar(bar, "--share", Math.min(1, share ?? 0));
      bar.classList.toggle("full", (share ?? 0) >= FULL);
    },
  };
};
const of = (used, total) => (used === null || used === undefined || !total ? null : used / total);
const usedOf = (used, total) => (used === null || used === undefined ? NA : total ? `${mib(used)} of ${mib(total)}` : mib(used));

const gpu = (first) => {
  const line = spark(), busy = level("Busy"), memory = level("Memory"), heat = h("p", { class: "line-2" });
  const state = h("span", { class: "status" }), name = h("b");
  const figures = h("div", { class: "figures" }, line.element, h("dl", { class: "levels" }, busy.element, memory.element), heat);
  const element = h("li", { class: "gpu" }, h("p", { class: "gpu-head" }, name, state), figures, h("p", { class: "hint" }, "The driver gives it no more: as a rule a restart of the driver or the machine brings it back."));
  return {
    element,
    update([one, points]) {
      const lost = one.state === "lost";
      say(name, `GPU ${one.index}${one.name ? ` · ${one.name}` : ""}`);
      say(state, lost ? "Lost" : "");
      attr(element, "class", `gpu ${lost ? "s-failed" : ""}`);
      show(figures, !lost);
      show(element.lastElementChild, lost);
      if (lost) return;
      line.draw(points, SPAN_S, 100);
      busy.set(one.util_percent === null ? NA : `${number(one.util_percent)} %`, one.util_percent === null ? null : one.util_percent / 100);
      memory.set(usedOf(one.memory_used_mib, one.memory_total_mib), of(one.memory_used_mib, one.memory_total_mib));
      say(heat, [one.temperature_c === null ? "" : `${number(one.temperature_c)} °C`, one.power_w === null ? "" : `${number(one.power_w)} W`].filter(Boolean).join(" · "));
      show(heat, heat.textContent !== "");
    },
    first,
  };
};

const machine = () => {
  const host = h("h3"), age = h("span", { class: "tag" }), line = spark(), cpu = level("CPU"), memory = level("Memory"), limit = level("Container memory");
  const disks = h("div", { class: "disks" }), gpus = h("ul", { class: "gpus" }), note = h("p", { class: "note" }), cores = h("p", { class: "line-2" });
  const gpuRows = keyed(gpu), diskRows = keyed((disk) => {
    const shown = level(disk.path_role === "data" ? "Results disk" : "Temporary disk");
    return { element: shown.element, update: (d) => shown.set(`${mib(d.free_mib)} free of ${mib(d.total_mib)}`, d.total_mib ? 1 - d.free_mib / d.total_mib : null) };
  });
  const element = h("li", { class: "card machine" }, h("div", { class: "card-head" }, host, age), line.element,
    h("dl", { class: "levels" }, cpu.element, memory.element, limit.element, disks), cores, gpus, note);
  return {
    element,
    update([now, history]) {
      say(host, now.host);
      show(age, now.age_s > 5);
      say(age, `told ${span(now.age_s)} ago`);
      line.draw(history.map(({ age_s, at }) => [age_s, at?.cpu_percent]), SPAN_S, 100);
      cpu.set(now.cpu_percent === null ? NA : `${number(now.cpu_percent)} %`, now.cpu_percent === null ? null : now.cpu_percent / 100);
      const limited = now.memory_limit_mib !== null;
      memory.set(usedOf(now.memory_used_mib, now.memory_total_mib), of(now.memory_used_mib, now.memory_total_mib));
      show(limit.element, limited);
      if (limited) limit.set(usedOf(now.memory_limit_used_mib, now.memory_limit_mib), of(now.memory_limit_used_mib, now.memory_limit_mib));
      say(cores, [now.cpu_why ?? (now.cpu_cores === null ? "" : plural(now.cpu_cores, "core")), now.load_1m === null ? "" : `load ${number(now.load_1m, 1)}`].filter(Boolean).join(" · "));
      diskRows.update(disks, now.disks, (d) => d.path_role);
      gpuRows.update(gpus, now.gpus.map((one, i) => [one, history.map(({ age_s, at }) => [age_s, at?.gpus?.[i]])]), ([one]) => one.index);
      show(gpus, now.gpus.length > 0);
      say(note, now.gpus.length ? "" : `No GPU${now.gpus_note ? `: ${now.gpus_note}` : ""}`);
      show(note, now.gpus.length === 0);
    },
  };
};

const job = () => {
  const title = h("bdi"), link = h("a", {}, title), phase = h("span"), bar = h("div", { class: "track", "aria-hidden": "true" }, h("i")), figure = h("span");
  return {
    element: h("li", {}, link, h("p", { class: "line-2" }, phase, figure), bar),
    update(now) {
      say(title, now.title);
      attr(link, "href", `#/a/${now.job}`);
      say(phase, PHASES[now.phase] ?? sentence(now.phase));
      say(figure, [now.share === null ? "" : percent(now.share), now.seconds === null ? "" : `for ${span(now.seconds)}`].filter(Boolean).join(", "));
      setVar(bar, "--share", now.share ?? 0);
    },
  };
};
const worker = () => {
  const id = h("h3"), state = h("span", { class: "status" }), line = h("p", { class: "line-2" }), memory = level("Memory"), jobs = h("ul", { class: "jobs" }), idle = h("p", { class: "note" });
  const models = h("ul", { class: "chips", "aria-label": "Models loaded" }), engine = h("tbody"), jobRows = keyed(job);
  const modelRows = keyed((m) => ({ element: h("li", {}, m.name, h("small", {}, ` ${m.device}, ${mib(m.mib)}`)) }));
  const engineRows = keyed(() => {
    const cells = Array.from({ length: 4 }, () => h("td")), name = h("th", { scope: "row" });
    return {
      element: h("tr", {}, name, cells),
      update(e) {
        say(name, `${e.name} (${e.pid})`);
        [e.ready ? e.device : `${e.device}, not ready`, usedOf(e.rss_mib, e.memory_limit_mib), usedOf(e.gpu_mib, e.gpu_limit_mib), mib(e.models_mib)].forEach((text, i) => say(cells[i], text));
      },
    };
  });
  const more = h("details", { class: "engine" }, h("summary", {}, h("span", {}, "Processes")), h("div", { class: "scroll plain-scroll", tabindex: "0", role: "region", "aria-label": "Processes of this worker" }, h("table", { class: "data" },
    h("thead", {}, h("tr", {}, ["Process", "On", "Memory", "GPU memory", "Models"].map((text) => h("th", { scope: "col" }, text)))), engine)));
  const element = h("li", { class: "card worker" }, h("div", { class: "card-head" }, id, state), jobs, idle, h("dl", { class: "levels" }, memory.element), line, models, more);
  return {
    element,
    update(now) {
      attr(element, "class", `card worker s-${{ ready: "ok", gone: "failed", draining: "timeout", starting: "waiting" }[now.state]}`);
      say(id, now.id);
      say(state, WORKER[now.state] ?? sentence(now.state));
      jobRows.update(jobs, now.doing, (d) => d.job);
      show(jobs, now.doing.length > 0);
      say(idle, now.state === "gone" ? `No sign of life for ${span(now.beat_age_s)}` : "Waits for a clip");
      show(idle, now.doing.length === 0);
      memory.set(usedOf(now.rss_mib, now.memory_limit_mib), of(now.rss_mib, now.memory_limit_mib));
      show(memory.element.parentElement, now.state !== "gone");
      say(line, [now.host, `process ${now.pid}`, `since ${ago(now.since)}`, now.beat_age_s > 5 && now.state !== "gone" ? `last sign of life ${span(now.beat_age_s)} ago` : "",
        now.restarts ? plural(now.restarts, "restart") : "", now.engine_restarts ? `${plural(now.engine_restarts, "restart")} of its engine` : ""].filter(Boolean).join(" · "));
      modelRows.update(models, now.models, (m) => `${m.worker} ${m.name} ${m.device}`);
      show(models, now.models.length > 0);
      engineRows.update(engine, now.engine, (e) => `${e.name} ${e.pid}`);
      show(more, now.engine.length > 0);
    },
  };
};

// A row of a table whose cells say their column on a phone, where the table becomes cards.
const tableRow = (columns) => {
  const name = h("th", { scope: "row", role: "rowheader" }), cells = columns.map((column) => h("td", { "data-l": column, role: "cell" }));
  return {
    element: h("tr", { role: "row" }, name, cells), name,
    set(texts, wrong = []) {
      texts.forEach((text, i) => {
        say(cells[i], text);
        cells[i].classList.toggle("none", text === NA);
        cells[i].classList.toggle("bad", wrong.includes(i));
      });
    },
  };
};
const rateRow = () => {
  const row = tableRow(["Runs, 5 min", "Errors, 5 min", "Median, 5 min", "Runs, 1 h", "Errors, 1 h", "Median, 1 h", "95th percentile, 1 h"]);
  return {
    element: row.element,
    update(a) {
      say(row.name, TITLES[a.name] ?? a.name);
      row.set([number(a.runs_5m), rate(a.error_rate_5m), span(a.seconds_median_5m), number(a.runs_1h), rate(a.error_rate_1h), span(a.seconds_median_1h), span(a.seconds_p95_1h)], [a.error_rate_5m ? 1 : -1, a.error_rate_1h ? 4 : -1]);
    },
  };
};
const modelRow = () => {
  const row = tableRow(["Loaded in", "Hit rate", "Found loaded", "Not loaded", "Loads", "Failed", "Spent loading"]);
  return {
    element: row.element,
    update(m) {
      say(row.name, m.name);
      row.set([m.loaded_in.length ? m.loaded_in.join(", ") : "no worker", percent(m.hit_rate), number(m.hits), number(m.misses), number(m.loads), number(m.failed), span(m.load_s)], [m.failed ? 5 : -1]);
    },
  };
};

export const monitor = (main) => {
  const { root, refs } = fromTemplate("t-monitor");
  const machines = keyed(machine), workers = keyed(worker), rates = keyed(rateRow), models = keyed(modelRow);
  const tiles = keyed(([name]) => {
    const value = h("dd"), note = h("dd", { class: "note" }), element = h("div", {}, h("dt", {}, name), value, note);
    return {
      element,
      update([, text, more, wrong]) {
        say(value, text);
        say(note, more ?? "");
        element.classList.toggle("bad", Boolean(wrong));
      },
    };
  });
  const queueLine = spark();
  let points = [], lostBefore = null, latest = null;
  const closing = new AbortController();

  const draw = (now) => {
    latest = now;
    const at = new Date(now.at).getTime(), { queue } = now;
    const newest = points.length ? new Date(points.at(-1).at).getTime() : 0;
    if (at > newest) points.push({ at: now.at, queued: queue.queued, running: queue.running, machines: now.machines.map((m) => ({ host: m.host, cpu_percent: m.cpu_percent, gpus: m.gpus.map((g) => g.util_percent) })) });
    points = points.filter((p) => at - new Date(p.at) <= SPAN_S * 1000);
    const aged = points.map((p) => ({ age_s: (at - new Date(p.at)) / 1000, p }));

    say(refs.state, SERVER[now.state] ?? sentence(now.state));
    attr(refs.state.parentElement, "class", `kicker s-${{ ready: "ok", draining: "timeout" }[now.state] ?? "waiting"}`);
    say(refs.sub, `reelscope ${now.version}, up for ${span(now.uptime_s)}`);
    const ready = now.workers.filter((w) => w.state === "ready").length, there = now.workers.filter((w) => w.state !== "gone").length;
    tiles.update(refs.glance, [
      ["Waiting", number(queue.queued), queue.oldest_queued_s === null ? "no clip waits" : `the oldest for ${span(queue.oldest_queued_s)}`],
      ["Running", number(queue.running), ""],
      ["Workers", number(ready), there === ready ? "all ready" : `of ${number(there)} ready`, ready === 0],
      ["Done", number(queue.done_1h), "within the hour"],
      ["Failed", number(queue.failed_1h), "within the hour", queue.failed_1h > 0],
      ["Cancelled", number(queue.cancelled_1h), "within the hour"],
    ], ([name]) => name);
    const waiting = refs.glance.firstElementChild;
    if (!waiting.contains(queueLine.element)) waiting.append(h("dd", { class: "in-tile", "aria-hidden": "true" }, queueLine.element));
    queueLine.draw(aged.map(({ age_s, p }) => [age_s, p.queued]), SPAN_S, Math.max(1, ...points.map((p) => p.queued)));

    machines.update(refs.machines, now.machines.map((m) => [m, aged.map(({ age_s, p }) => ({ age_s, at: p.machines.find((o) => o.host === m.host) }))]), ([m]) => m.host);
    workers.update(refs.workers, now.workers, (w) => w.id);
    show(refs.noWorkers, now.workers.length === 0);
    say(refs.restarts, now.restarts || now.engine_restarts ? `${plural(now.restarts, "restart")}, ${number(now.engine_restarts)} of their engines` : "no restart since the server's start");
    const ran = now.analyzers.filter((a) => a.runs_1h > 0).sort((a, b) => rank(a.name) - rank(b.name));
    rates.update(refs.rates, ran, (a) => a.name);
    show(refs.ratesBox, ran.length > 0);
    show(refs.noRates, ran.length === 0);
    models.update(refs.models, now.models, (m) => m.name);
    show(refs.modelsBox, now.models.length > 0);
    show(refs.noModels, now.models.length === 0);
    show(refs.body, true);

    // Those who listen are told what somebody has to do something about, not every second's figures.
    const wrong = [...now.machines.flatMap((m) => m.gpus.filter((g) => g.state === "lost").map((g) => `GPU ${g.index} of ${m.host} is lost`)), ...now.workers.filter((w) => w.state === "gone").map((w) => `Worker ${w.id} is gone`)];
    if (lostBefore) for (const text of wrong) if (!lostBefore.includes(text)) announce(text);
    lostBefore = wrong;
  };

  const check = async () => {
    const before = latest;
    try {
      const now = await call("GET", "/monitor", { signal: closing.signal });
      if (latest === before) draw(now); // else the stream has told something newer while this was on its way
      refs.trouble.replaceChildren();
      return true;
    } catch (error) {
      if (closing.signal.aborted || error.status === 401) return false;
      if (error.code !== "no_connection" && !latest) refs.trouble.replaceChildren(h("p", { class: "quiet" }, error.message, error.hint && h("span", { class: "hint" }, error.hint)));
      throw error;
    }
  };
  call("GET", "/monitor/history", { signal: closing.signal }).then((history) => {
    const first = points.length ? points[0].at : null;
    points = [...history.points.filter((p) => first === null || new Date(p.at) < new Date(first)), ...points];
    if (latest) draw(latest);
  }).catch(() => {}); // the lines begin now then
  check().catch(() => {});
  const live = stream(() => "/monitor/events", { snapshot: draw }, { onState: (is) => connection("monitor", is !== "lost"), check, restsHidden: true });

  main.replaceChildren(root);
  return {
    title: "Monitor",
    focus: main.querySelector("h1"),
    close() {
      closing.abort();
      live.close();
      connection("monitor", true);
    },
  };
};
