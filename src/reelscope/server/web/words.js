// Figures and states as words for people. What is not known is said to be so, never turned into a figure.

const THIN = "\u202f";
export const NA = "\u2014";

export const number = (value, digits = 0) => {
  if (value === null || value === undefined || !Number.isFinite(value)) return NA;
  const [whole, rest] = Math.abs(value).toFixed(digits).split(".");
  const grouped = whole.length > 4 ? whole.replace(/\B(?=(\d{3})+$)/g, THIN) : whole;
  return `${value < 0 ? "\u2212" : ""}${grouped}${rest ? `.${rest}` : ""}`;
};
export const percent = (share, digits = 0) => (share === null || share === undefined ? NA : `${number(share * 100, digits)} %`);
// Of an error rate a zero is a zero, and what is small is not shown as one.
export const rate = (share) => (share ? (share < 0.01 ? "< 1 %" : percent(share, share < 0.1 ? 1 : 0)) : percent(share));

export const bytes = (count) => {
  if (count === null || count === undefined) return NA;
  if (count < 1000) return `${count} B`;
  const [unit, size] = [["kB", 1e3], ["MB", 1e6], ["GB", 1e9], ["TB", 1e12]].findLast(([, least]) => count >= least);
  return `${number(count / size, count / size < 100 ? 1 : 0)} ${unit}`;
};
export const mib = (size) => {
  if (size === null || size === undefined) return NA;
  return size < 1024 ? `${number(size, size > 0 && size < 9.95 ? 1 : 0)} MiB` : `${number(size / 1024, size < 102400 ? 1 : 0)} GiB`;
};

// The clip's own clock: 0:20, 1:02:03.
export const clock = (s) => {
  if (s === null || s === undefined) return NA;
  const whole = Math.round(s), hours = Math.floor(whole / 3600), minutes = Math.floor(whole / 60) % 60;
  const two = (n) => String(n).padStart(2, "0");
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
};
// A length of waiting or work: 0.4 s, 12 s, 3 min, 1 h 5 min, 2 days.
export const span = (s) => {
  if (s === null || s === undefined) return NA;
  if (s > 0 && s < 0.005) return "< 0.01 s";
  if (s < 9.95) return `${number(s, s < 0.995 ? 2 : 1)} s`;
  if (s < 90) return `${Math.round(s)} s`;
  const minutes = Math.round(s / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  return `${Math.round(hours / 24)} days`;
};

const moment = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short" });
const second = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" });
export const when = (at) => moment.format(new Date(at));
export const timeOfDay = (at) => second.format(new Date(at));
export const ago = (at, now = Date.now()) => {
  const s = (now - new Date(at)) / 1000;
  if (s < 10) return "just now";
  if (s < 60) return `${Math.floor(s / 5) * 5} s ago`;
  if (s < 3600) return `${Math.floor(s / 60)} min ago`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ago`;
  if (s < 7 * 86400) return Math.floor(s / 86400) === 1 ? "1 day ago" : `${Math.floor(s / 86400)} days ago`;
  return day.format(new Date(at));
};

export const plural = (n, one, many = `${one}s`) => `${number(n)} ${n === 1 ? one : many}`;
export const sentence = (text) => (text ? text[0].toUpperCase() + text.slice(1) : "");

export const STATES = { queued: "Waiting", running: "Running", done: "Done", failed: "Failed", cancelled: "Cancelled" };
export const FINAL = new Set(["done", "failed", "cancelled"]);
export const ENTRY_STATES = { stopped: "Stopped",
  waiting: "Waiting", running: "Running", ok: "Measured", not_applicable: "Not applicable", unavailable: "Unavailable", skipped: "Not asked for",
  failed: "Failed", timeout: "Out of time",
};
export const PHASES = {
  queued: "Waiting in the queue", fetch: "Fetching the clip", probe: "Looking at the file", plan: "Choosing what runs where",
  decode: "Watching and listening", finish: "Finishing the analyzers", merge: "Putting the document together", store: "Storing the results",
  ended: "Ended",
};
export const EXPORTS = {
  json: "Document (JSON)", html: "Report (HTML)", srt: "Subtitles (SRT)", vtt: "Subtitles (WebVTT)", ass: "Subtitles (ASS)", csv: "Tables (CSV)",
  jsonl: "Tables (JSON lines)", parquet: "Tables (Parquet)", otio: "Timeline (OpenTimelineIO)", edl: "Timeline (EDL)", fcpxml: "Timeline (Final Cut)",
  "contact-sheet": "Contact sheet (PNG)",
};

// "about 40 s left", with what it is made of; or that there is none.
export const estimate = (status) => {
  const known = status.estimate;
  if (!known || FINAL.has(status.state)) return { text: "", basis: "" };
  const ahead = status.state === "queued" && known.jobs_ahead > 0 ? `${plural(known.jobs_ahead, "clip")} ahead` : "";
  const left = known.seconds === null ? "no estimate yet" : `about ${span(known.seconds < 10 ? Math.max(1, Math.round(known.seconds)) : known.seconds).replace(".0", "")} left`;
  return { text: [ahead, left].filter(Boolean).join(" · "), basis: known.basis };
};

// Where a clip came from, without the scheme and what only machines read.
export const sourceOf = (source) => {
  if (source.kind === "url") {
    try {
      const url = new URL(source.url ?? source.name);
      return url.host.replace(/^www\./, "") + (url.pathname === "/" ? "" : url.pathname);
    } catch {
      return source.name;
    }
  }
  return source.name;
};
// An address that may stand in a link; null for everything but the web's own.
export const webAddress = (text) => {
  try {
    const url = new URL(text);
    return url.protocol === "https:" || url.protocol === "http:" ? url.href : null;
  } catch {
    return null;
  }
};
