// One analysis's story as lines: what its events say, and each step that its progress enters.

import { attr, h } from "/assets/dom.js";
import { TITLES } from "/assets/names.js";
import { PHASES, sentence, timeOfDay, when } from "/assets/words.js";

const said = {
  queued: (data) => (data.why ? `Waits again: ${data.why}` : "Handed in, waits in the queue"),
  running: (data) => [data.worker ? `Begun by ${data.worker}` : "Begun", data.attempt > 1 ? `try ${data.attempt}` : ""].filter(Boolean).join(", "),
  done: () => "Done",
  failed: (data) => `Failed: ${data.error?.message ?? "no reason was told"}`,
  cancelled: () => "Cancelled",
};
const TONES = { failed: "bad", done: "ok" };

export const story = (place) => {
  let phase = null, last = 0;
  const line = (at, text, { tone = "", hint = null, who = "" } = {}) => place.append(h("li", { class: tone },
    h("time", { datetime: at, title: when(at) }, timeOfDay(at)), h("div", {}, h("p", {}, who && h("b", {}, `${who}: `), text), hint && h("p", { class: "hint" }, hint))));
  return {
    get last() { return last; },
    // Takes an event {seq, at, kind, data}; true where it was new.
    take(event) {
      if (event.seq <= last) return false;
      last = event.seq;
      const { at, kind, data } = event;
      if (kind === "state") {
        phase = null;
        line(at, (said[data.state] ?? (() => sentence(data.state)))(data), { tone: TONES[data.state] ?? "", hint: data.error?.hint });
      } else if (kind === "log") {
        line(at, sentence(data.message ?? ""), { tone: data.level === "error" ? "bad" : data.level === "warning" ? "warn" : "", who: TITLES[data.analyzer] ?? data.analyzer ?? "" });
      } else if (kind === "progress" && data.phase !== phase) {
        phase = data.phase;
        if (phase !== "queued" && phase !== "ended") line(at, PHASES[phase] ?? sentence(phase), { tone: "step" });
      }
      attr(place, "data-seq", last);
      return true;
    },
  };
};
