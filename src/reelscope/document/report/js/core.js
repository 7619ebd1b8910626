// What every part uses: small helpers, the one playhead, keys, links to a moment. The parts follow in the order of render.py, inside one
// function; what is declared here is known to all of them, and each of them keeps its own names in a block.
const $ = (query, root = document) => root.querySelector(query);
const $$ = (query, root = document) => [...root.querySelectorAll(query)];
const data = JSON.parse($("#data").textContent);
const duration = data.duration || 1;
const phone = matchMedia("(max-width: 600px)");

const clock = (s) => {
  const c = Math.round(Math.max(0, s) * 100), h = Math.floor(c / 360000), m = Math.floor(c / 6000) % 60;
  const rest = `${String(Math.floor(c / 100) % 60).padStart(2, "0")}.${String(c % 100).padStart(2, "0")}`;
  return h ? `${h}:${String(m).padStart(2, "0")}:${rest}` : `${m}:${rest}`;
};

// An element with properties, data and children; text only ever becomes text.
const make = (tag, props = {}, ...children) => {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (name === "class") element.className = value;
    else if (name === "data") Object.assign(element.dataset, value);
    else if (name.startsWith("aria-") || name === "role" || name === "for") element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children);
  return element;
};

// What a reader chose stays with the browser where that keeps anything for this page.
const kept = {
  get(name, otherwise) {
    try { return JSON.parse(localStorage.getItem(`reelscope.${name}`)) ?? otherwise; } catch { return otherwise; }
  },
  set(name, value) {
    try { localStorage.setItem(`reelscope.${name}`, JSON.stringify(value)); } catch { /* a browser that keeps nothing */ }
  },
};

// Told to screen readers and shown for a moment.
const say = (words) => {
  const said = $("#said");
  said.textContent = words;
  said.classList.add("shown");
  clearTimeout(say.timer);
  say.timer = setTimeout(() => said.classList.remove("shown"), 1600);
};

// Copying: a file opened from disk may have no clipboard to write to; then a selected field is copied in the old way.
const copy = async (text, words = "Copied") => {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const field = make("textarea", { value: text, class: "vh", readOnly: true });
    (document.querySelector("dialog[open]") ?? document.body).append(field);
    const before = document.activeElement;
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    before?.focus?.({ preventScroll: true });
    if (!done) { say("Not copied: the browser does not allow it"); return false; }
  }
  say(words);
  return true;
};

// ---- the playhead ----------------------------------------------------------------------------------------------------------
// One time for the whole page. Without a clip it runs by the wall clock; player.js gives it the clip to run by instead.
const playhead = (() => {
  const followers = [];
  let t = 0, playing = false, source = null, frame = 0;
  const tell = (why) => followers.forEach((follower) => follower(t, why));
  const set = (next, why) => { t = Math.min(duration, Math.max(0, next)); tell(why); };
  const wall = { // stands in where there is no clip
    from: 0, at: 0, rate: 1,
    play() { this.from = performance.now(); this.at = t; },
    pause() {},
    seek(to) { this.from = performance.now(); this.at = to; },
    now() { return this.at + ((performance.now() - this.from) / 1000) * this.rate; },
    speed(rate) { this.at = this.now(); this.from = performance.now(); this.rate = rate; },
  };
  const run = () => {
    if (!playing) return;
    if (!source) {
      const now = wall.now();
      set(now, "play");
      if (t >= duration) { playhead.pause(); return; } // unless a shot is repeated: then it is back at its start
    }
    frame = requestAnimationFrame(run);
  };
  return {
    get t() { return t; },
    get playing() { return playing; },
    // why: "seek" (somebody asked for this moment), "play" (it came), "state" (playing or not has changed), "hover" is nobody's here.
    follow(follower) { followers.push(follower); follower(t, "state"); },
    seek(to, { reveal = true } = {}) {
      const at = Math.min(duration, Math.max(0, to));
      (source ?? wall).seek(at);
      set(at, reveal ? "seek" : "quiet");
    },
    step(frames) {
      this.pause();
      if (source?.step?.(frames, (at) => set(at, "seek"))) return; // a clip knows its frames
      const fps = data.fps || 30, n = Math.round(t * fps) + frames;
      this.seek(Math.min(n / fps, Math.max(0, duration - 0.5 / fps)));
    },
    play() {
      if (playing) return;
      if (t >= duration - 0.001) this.seek(0);
      playing = true;
      (source ?? wall).play();
      tell("state");
      cancelAnimationFrame(frame);
      run();
    },
    pause() {
      if (!playing) return;
      playing = false;
      (source ?? wall).pause();
      tell("state");
    },
    toggle() { if (playing) this.pause(); else this.play(); },
    speed(rate) { (source ?? wall).speed(rate); },
    // A clip: {play(), pause(), seek(t), speed(rate), step(frames, came)}; step is false where it does not know its frames. It tells
    // its time through came() and its ending through ended().
    attach(clip) { const was = playing; this.pause(); source = clip; if (clip) clip.seek(t); if (was) this.play(); },
    came(at) { if (Math.abs(at - t) > 1e-6) set(at, "play"); },
    ended() { playing = false; tell("state"); },
  };
})();

// ---- shots -----------------------------------------------------------------------------------------------------------------
// data.shots: [{n: number shown, s: start, e: end}]; keyframes stand in the file once, in the shot list, and are borrowed from there.
const shotRows = $$(".shot");
const pictures = shotRows.map((row) => $("img", row));
const shotAt = (t) => {
  const found = data.shots.findIndex((shot) => t >= shot.s && t < shot.e);
  return found < 0 && data.shots.length && t >= data.shots.at(-1).e ? data.shots.length - 1 : found;
};
const toShot = (step) => { // to the next shot, or to the start of this one and then of the one before, as editors are used to
  const t = playhead.t, now = shotAt(t);
  if (now < 0) return;
  const back = step < 0 && t > data.shots[now].s + 0.25;
  const next = data.shots[Math.min(data.shots.length - 1, Math.max(0, now + (back ? 0 : step)))];
  playhead.seek(next.s);
};

// ---- keys ------------------------------------------------------------------------------------------------------------------
// A key works anywhere but in a field, and never takes one from a control that has a meaning for it.
const keyList = [];
const key = (name, words, action) => keyList.push({ name, words, action });
// What was clicked last: after a click Space plays, as editors expect, and arrows are the page's; a button that was reached by keys keeps its own.
let pointed = null;
addEventListener("pointerdown", (event) => { pointed = event.target.closest?.("button, a[href], summary") ?? null; }, true);
addEventListener("keydown", (event) => { if (event.key === "Tab" || event.key === "Enter") pointed = null; }, true);
addEventListener("keyup", (event) => { if (event.key === " " && pointed && event.target === pointed && !document.querySelector("dialog[open]")) event.preventDefault(); }, true);
addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  const at = event.target;
  if (at.closest?.("input:not([type=range]), textarea, select, [contenteditable]")) return;
  if (at.matches?.("[type=range]") && /^(Arrow|Home|End|Page)/.test(event.key)) return;
  const pressed = `${event.shiftKey && event.key.length > 1 ? "Shift+" : ""}${event.key}`;
  const control = at.closest?.("button, a[href], summary");
  if (control && (event.key === "Enter" || (event.key === " " && control !== pointed))) return;
  const found = keyList.find(({ name }) => name === pressed);
  if (!found) return;
  event.preventDefault();
  found.action();
});

// ---- a link to a moment: #t=12.3 ---------------------------------------------------------------------------------------------
const linked = (address) => { const found = /(?:^#|&)t=(\d+(?:\.\d+)?)/.exec(new URL(address).hash); return found ? Math.min(duration, +found[1]) : null; };
const linkTo = (t) => `${location.href.split("#")[0]}#t=${Math.round(t * 1000) / 1000}`;
addEventListener("hashchange", (event) => { const t = linked(event.newURL); if (t !== null) playhead.seek(t); }); // by now our own late link may stand in the address
let linkedAt = 0, linkLater = 0; // browsers refuse more than some ten of these a second
const writeLink = (t) => { // of the moment that was asked for; by now the clip may play
  linkedAt = performance.now();
  try { history.replaceState(history.state, "", linkTo(t)); } catch { /* a page without an address of its own */ }
};
playhead.follow((t, why) => {
  if (why !== "seek") return;
  clearTimeout(linkLater);
  if (performance.now() - linkedAt > 300) writeLink(t); else linkLater = setTimeout(writeLink, 300, t);
});
