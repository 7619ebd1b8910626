// What is being handed in: it goes on while other views are looked at, two uploads at a time.

import { ApiError, newKey, submit, upload } from "/assets/api.js";
import { announce, button, h, icon, keyed, say, setVar, show, attr } from "/assets/dom.js";
import { bytes, plural, span } from "/assets/words.js";

const AT_ONCE = 2; // more share the same line; the first would come no sooner
const MOST_RETRIES = 8; // of what the server itself says to try again later

let items = [];
let serial = 0;
export const changes = new EventTarget(); // "change": something moved; "handed": an analysis was made

const changed = () => {
  const going = items.filter((item) => item.state === "sending" || item.state === "waiting" || item.state === "pausing").length;
  const count = document.getElementById("uploading");
  show(count, going > 0);
  say(count, going > 0 ? String(going) : "");
  attr(count, "aria-label", going > 0 ? `, ${plural(going, "clip")} being handed in` : null);
  changes.dispatchEvent(new Event("change"));
};

export const handIn = (what) => {
  items.push({ id: ++serial, state: "waiting", sent: 0, total: what.file?.size ?? null, retries: 0, key: newKey(), ...what });
  changed();
  next();
};
// What stands in the list below need not stand here too: its row goes as the other comes, and nothing moves under the pointer.
export const listed = (ids) => {
  for (const item of items) if (item.state === "handed" && !item.known && ids.has(item.status.id)) remove(item);
};
export const active = () => items.some((item) => item.file && (item.state === "sending" || item.state === "waiting" || item.state === "pausing"));

const next = () => {
  for (const item of items) {
    if (items.filter((other) => other.state === "sending").length >= AT_ONCE) return;
    if (item.state === "waiting") send(item);
  }
};
const remove = (item) => {
  clearTimeout(item.timer);
  items = items.filter((other) => other !== item);
  changed();
};

const send = async (item) => {
  Object.assign(item, { state: "sending", sent: 0, error: null });
  changed();
  try {
    let status;
    if (item.file) {
      const going = upload(item.file, item.request, item.key, (sent, total) => {
        Object.assign(item, { sent, total: total ?? item.total });
        changed();
      });
      item.cancel = going.cancel;
      status = await going.done;
    } else status = await submit(item.request, item.key);
    Object.assign(item, { state: "handed", status, cancel: null, known: status.state === "done" });
    announce(item.known ? `${item.name} was analysed before.` : `${item.name} was handed in.`);
    changes.dispatchEvent(new CustomEvent("handed", { detail: status }));
  } catch (error) {
    fail(item, error instanceof ApiError ? error : new ApiError(0, { code: "bad_answer", message: "The server's answer is not understood" }));
  }
  changed();
  next();
};

const fail = (item, error) => {
  item.cancel = null;
  if (error.code === "cancelled") {
    announce(`${item.name}: cancelled.`);
    remove(item);
    return;
  }
  item.error = error;
  if (error.retryable && error.retryAfterS !== null && item.retries < MOST_RETRIES) {
    item.retries += 1;
    item.state = "pausing";
    item.until = Date.now() + error.retryAfterS * 1000;
    if (item.retries === 1) announce(`${item.name}: ${error.message}. It is tried again in ${span(Math.ceil(error.retryAfterS))}.`);
    tick(item);
  } else {
    item.state = "failed";
    announce(`${item.name}: ${error.message}.`);
  }
};
const tick = (item) => {
  if (item.state !== "pausing") return;
  if (Date.now() >= item.until) {
    item.state = "waiting";
    next();
  } else item.timer = setTimeout(tick, Math.min(1000, item.until - Date.now() + 5), item);
  changed();
};
const again = (item) => {
  Object.assign(item, { state: "waiting", retries: 0 });
  changed();
  next();
};

// ---- how it looks --------------------------------------------------------------------------------------------------------------

const row = (item) => {
  const name = h("bdi", { class: "name" }, item.name), line = h("p", { class: "line-2" });
  const bar = h("div", { class: "track", role: "progressbar", "aria-label": `Sending ${item.name}`, "aria-valuemin": 0, "aria-valuemax": 100 }, h("i"));
  const why = h("div", { class: "why" }), keys = h("div", { class: "row-keys" });
  const element = h("li", { class: "upload" }, h("div", { class: "upload-what" }, name, line, bar, why), keys);
  let shown = "";
  const update = () => {
    element.className = `upload u-${item.state}`;
    const share = item.total ? item.sent / item.total : 0;
    const sending = item.state === "sending" && item.file;
    show(bar, Boolean(sending));
    setVar(bar, "--share", share.toFixed(4));
    attr(bar, "aria-valuenow", Math.round(share * 100));
    const error = item.error, pausing = item.state === "pausing";
    say(line, {
      waiting: "Waits for its turn",
      sending: !item.file ? "Handing in …" : share >= 1 ? "Sent. The server looks at it …" : `${Math.floor(share * 100)} % of ${bytes(item.total)}`,
      pausing: pausing ? `Tried again in ${span(Math.max(1, Math.ceil((item.until - Date.now()) / 1000)))}` : "",
      failed: "Not handed in",
      handed: item.known ? "Analysed before: this is what was found then. Tick “Compute anew” to have it done again." : "Handed in",
    }[item.state]);
    show(why, Boolean(error) && item.state !== "sending" && item.state !== "handed");
    const mark = `${item.state} ${error?.message}`;
    if (mark === shown) return; // buttons stay the same ones while they mean the same
    const focused = element.contains(document.activeElement);
    shown = mark;
    why.replaceChildren();
    if (error) why.append(h("p", {}, icon("warn"), h("span", {}, error.message)), error.hint ? h("p", { class: "hint" }, error.hint) : "");
    keys.replaceChildren(...{
      waiting: () => [button("Cancel", () => remove(item), { "aria-label": `Cancel ${item.name}` })],
      sending: () => [button("Cancel", () => item.cancel?.(), { "aria-label": `Cancel ${item.name}`, disabled: !item.file })],
      pausing: () => [button("Give up", () => remove(item), { "aria-label": `Give up ${item.name}` })],
      failed: () => [error.retryable && button("Try again", () => again(item), { "aria-label": `Try again: ${item.name}` }), button("Dismiss", () => remove(item), { kind: "plain", "aria-label": `Dismiss ${item.name}` })].filter(Boolean),
      handed: () => [h("a", { class: "button", href: `#/a/${item.status.id}`, "aria-label": `Open ${item.name}` }, "Open"), button("Dismiss", () => remove(item), { kind: "plain", "aria-label": `Dismiss ${item.name}` })],
    }[item.state]());
    if (focused && document.activeElement === document.body) keys.querySelector("a, button")?.focus();
  };
  return { element, update };
};

// Shows what is being handed in, inside `place`, until it is closed.
export const uploadsIn = (place) => {
  const list = h("ul", { class: "uploads", "aria-label": "Being handed in" });
  const rows = keyed(row);
  const draw = () => {
    show(place, items.length > 0);
    rows.update(list, items, (item) => item.id);
  };
  place.append(list);
  draw();
  changes.addEventListener("change", draw);
  return { close: () => changes.removeEventListener("change", draw) };
};

addEventListener("beforeunload", (event) => {
  if (active()) event.preventDefault(); // the browser asks whether to leave
});
