// The player: the clip where it is there, keyframes where it is not, and the transport beneath.
const stage = $("#stage"), video = $("#video");
{
  const facts = data.player, start = data.start || 0, fps = data.fps || 30;
  const still = $("#still"), scrub = $("#scrub"), none = $("#no-clip"), words = $("#no-clip-words"), play = $(".play");
  const tells = "requestVideoFrameCallback" in video; // which frame is on the screen
  const HAIR = 0.001; // a browser that is sent to a frame's very time may round to the frame before; no frame is as short as this
  const SETTLED_MS = 400; // for the first frame to be told; a page in the background is told none
  const STALLED_MS = 300; // without a frame the clip's own clock goes on: sound alone, slides
  let there = false; // a clip is loaded
  let sees = false; // and its picture plays
  let offset = 0; // what the browser's clock is ahead of the document's: containers may begin anywhere
  let shown = null; // time of the frame on the screen, by the browser's clock
  let heard = 0, rate = 1, turn = 0, blob = null;

  // ---- the clip as what the playhead runs by -----------------------------------------------------------------------------------
  const landed = (at) => new Promise((done) => { // goes there; the time of the frame that is shown then
    let timer = 0;
    const id = video.requestVideoFrameCallback((_, told) => { clearTimeout(timer); shown = told.mediaTime; done(shown); });
    video.addEventListener("seeked", () => { timer = setTimeout(() => { video.cancelVideoFrameCallback(id); done(shown); }, 150); }, { once: true });
    video.currentTime = Math.max(0, at);
  });

  // Where frames have no common length, Chromium may land one too early, because it takes a mean for their length. A cut's time is
  // that of a frame: then go on from there until that very frame is shown.
  const exactly = async (goal) => {
    const mine = ++turn;
    let low = goal, high = null, at = goal + HAIR;
    for (let tries = 0; tries < 14; tries++) {
      const frame = await landed(at);
      if (mine !== turn || frame === null || Math.abs(frame - goal) <= HAIR) return;
      if (frame < goal) { low = at; at = high === null ? at + 0.25 / fps : (low + high) / 2; } else { high = at; at = (low + high) / 2; }
      if (high !== null && high - low < HAIR / 2) return;
    }
  };

  // The next frame, or the one before. With a constant rate the middle of its time is known. Else: away until another frame is shown,
  // then back by halves as long as one between might be missed.
  const LEAST_S = 0.004, FAR_S = 12;
  const neighbour = async (by) => {
    const mine = ++turn, from = shown;
    if (!data.vfr) return landed(by > 0 ? from + 1.5 / fps : from - 0.5 / fps);
    let near = from, far = null, best = null, reach = 0.5 / fps;
    for (;;) {
      const at = far === null ? Math.max(0, from + by * reach) : (near + far) / 2;
      const frame = await landed(at);
      if (mine !== turn) return null;
      if (frame === null || (frame - from) * by <= HAIR) {
        near = at;
        if (far === null && (reach > FAR_S || at === 0 || at >= video.duration)) return frame;
        if (far === null) reach *= 2;
      } else { far = at; best = frame; }
      if (far !== null && Math.abs(far - near) <= LEAST_S) return shown === best ? best : landed(far);
    }
  };

  let steps = Promise.resolve(), waiting = 0;
  const clip = {
    play() { video.play().catch((error) => { if (error.name !== "AbortError") playhead.pause(); }); },
    pause() { video.pause(); },
    seek(t) {
      const goal = t + offset;
      if (tells && sees && data.vfr && !playhead.playing && data.shots.some((shot) => Math.abs(shot.s - t) < 1e-6)) { exactly(goal); return; }
      turn += 1;
      video.currentTime = Math.max(0, goal + HAIR);
    },
    speed(to) { video.defaultPlaybackRate = video.playbackRate = to; },
    // Frame by frame; false where the browser does not tell its frames, and the playhead counts by the mean rate.
    step(by, came) {
      if (!tells || !sees || shown === null) return false;
      if (waiting > 3) return true; // a key held down is not to go on for seconds after it is let go
      waiting += 1;
      steps = steps.then(() => neighbour(by)).then((frame) => { waiting -= 1; if (frame !== null) came(frame - offset); });
      return true;
    },
  };

  const frame = (now, told) => {
    shown = told.mediaTime;
    heard = now;
    if (playhead.playing && there && !video.seeking) playhead.came(shown - offset);
    video.requestVideoFrameCallback(frame);
  };
  if (tells) video.requestVideoFrameCallback(frame);
  let clocked = 0;
  const clockwork = (now) => { // without frames
    if (!playhead.playing || !there) return;
    if ((!tells || !sees || now - heard > STALLED_MS) && !video.seeking) playhead.came(Math.max(0, video.currentTime - offset - HAIR));
    clocked = requestAnimationFrame(clockwork);
  };

  // ---- loading -------------------------------------------------------------------------------------------------------------------
  const settle = (first) => {
    const off = first === null ? 0 : first - start;
    offset = Math.abs(off) < HAIR ? 0 : off;
    there = true;
    playhead.attach(clip);
    clip.speed(rate);
    controls();
    notice(unlike());
    show(playhead.t);
  };
  video.addEventListener("loadeddata", () => {
    sees = video.videoWidth > 0;
    if (!tells || !sees) { settle(null); return; }
    const timer = setTimeout(() => { video.cancelVideoFrameCallback(id); settle(null); }, SETTLED_MS);
    const id = video.requestVideoFrameCallback((_, told) => { clearTimeout(timer); settle(told.mediaTime); });
  });
  video.addEventListener("error", () => {
    const was = there, name = blob ? blob.name : facts.name;
    leave();
    if (was) notice(`The browser could not go on with the clip at ${clock(playhead.t)}; keyframes stand in for it.`);
    else if (blob) notice(`The browser cannot play “${name}”; keyframes stand in for it.`);
    else if (!facts.played) notice(`Browsers do not play this clip (${facts.form}); keyframes stand in for it.`);
    else notice(`The clip is not beside this report any more, or this browser does not play ${facts.form}; keyframes stand in for it.`);
  });
  const leave = () => {
    there = sees = false;
    shown = null;
    offset = 0;
    turn += 1;
    playhead.attach(null);
    playhead.speed(rate);
    controls();
    show(playhead.t);
  };
  // What speaks against it being the clip of this document: another length, another shape, no picture.
  const unlike = () => {
    if (facts.picture && !sees) return `The browser plays only the sound of this clip (${facts.form}); keyframes stand in for its picture.`;
    const near = (length) => length && Math.abs(video.duration - length) <= Math.max(0.5, 0.02 * length);
    const lengths = [duration, facts.header, duration + offset, facts.header && facts.header + offset];
    if (Number.isFinite(video.duration) && !lengths.some(near)) return `This clip lasts ${clock(video.duration)}, the one that was analysed ${clock(duration)}: it is another one, or another cut of it.`;
    if (facts.picture && Math.abs(video.videoWidth / video.videoHeight / data.aspect - 1) > 0.03) return "This clip has another shape than the one that was analysed.";
    return "";
  };
  const notice = (text) => {
    words.textContent = text;
    none.classList.toggle("brief", there);
    none.hidden = !text;
  };
  $("[data-shut]").addEventListener("click", () => { none.hidden = true; });

  const show = (t) => {
    still.hidden = there && (sees || !facts.picture);
    if (still.hidden) return;
    const picture = pictures[shotAt(t)];
    if (picture && still.src !== picture.src) still.src = picture.src;
    still.hidden = !picture;
  };
  if (!video.getAttribute("src")) notice(pictures.some(Boolean) ? "The clip is not beside this report; keyframes stand in for it." : "The clip is not beside this report.");

  // ---- a clip that the reader has ------------------------------------------------------------------------------------------------
  const file = $("#clip-file");
  const open = (chosen) => {
    if (!chosen) return;
    if (there) leave();
    if (blob) URL.revokeObjectURL(video.src);
    blob = chosen;
    notice("");
    video.src = URL.createObjectURL(chosen);
  };
  $$("[data-open-clip]").forEach((button) => button.addEventListener("click", () => file.click()));
  file.addEventListener("change", () => open(file.files[0]));
  addEventListener("dragover", (event) => { if (event.dataTransfer?.types.includes("Files")) event.preventDefault(); });
  addEventListener("drop", (event) => { const chosen = event.dataTransfer?.files[0]; if (chosen) { event.preventDefault(); open(chosen); } });

  // ---- transport -----------------------------------------------------------------------------------------------------------------
  const actions = { play: () => playhead.toggle(), back: () => playhead.step(-1), on: () => playhead.step(1), prev: () => toShot(-1), next: () => toShot(1) };
  $$("[data-do]").forEach((button) => button.addEventListener("click", () => actions[button.dataset.do]()));
  scrub.addEventListener("input", () => playhead.seek(+scrub.value, { reveal: false }));
  scrub.addEventListener("change", () => playhead.seek(+scrub.value));
  scrub.addEventListener("pointerup", () => scrub.blur()); // the keys are the page's again
  scrub.addEventListener("keydown", (event) => { if (event.key === " ") { event.preventDefault(); playhead.toggle(); } });
  $("#link").addEventListener("click", () => copy(linkTo(playhead.t), `Link to ${clock(playhead.t)} copied`));

  const speed = $("#speed"), speeds = [...speed.options].map((option) => +option.value);
  const faster = (by) => {
    const next = speeds[Math.min(speeds.length - 1, Math.max(0, speeds.indexOf(rate) + by))];
    speed.value = next;
    setSpeed(next);
    say(`Speed ${next}×`);
  };
  const setSpeed = (to) => { rate = to; speed.classList.toggle("off", to !== 1); playhead.speed(to); };
  speed.addEventListener("change", () => { setSpeed(+speed.value); speed.blur(); });
  key("<", "Slower", () => faster(-1));
  key(">", "Faster", () => faster(1));

  const mute = $("#mute"), volume = $("#volume");
  const controls = () => {
    const sounds = there && facts.sound;
    mute.disabled = volume.disabled = !sounds;
    mute.title = sounds ? "Mute (m)" : facts.sound ? "No sound without the clip" : "The clip has no sound";
  };
  const loudness = () => {
    const silent = video.muted || video.volume === 0;
    mute.setAttribute("aria-pressed", String(silent));
    volume.value = video.muted ? 0 : video.volume;
  };
  mute.addEventListener("click", () => { video.muted = !video.muted; if (!video.muted && video.volume === 0) video.volume = 0.5; });
  volume.addEventListener("input", () => { video.muted = false; video.volume = +volume.value; });
  video.addEventListener("volumechange", () => { loudness(); kept.set("sound", [video.volume, video.muted]); });
  key("m", "Mute", () => { if (mute.disabled) say(mute.title); else mute.click(); });
  const [loud, silent] = [kept.get("sound", [1, false])].map((was) => (Array.isArray(was) ? was : [1, false]))[0];
  if (loud >= 0 && loud <= 1) { video.volume = loud; video.muted = silent === true; loudness(); }
  controls();

  // ---- one shot again and again ----------------------------------------------------------------------------------------------------
  const loop = $("#loop");
  let again = 0;
  const looped = () => { // the shot's last frame keeps its time, and the next shot's first one is not seen
    clearTimeout(again);
    again = 0;
    const shot = loop.getAttribute("aria-pressed") === "true" && playhead.playing ? data.shots[shotAt(playhead.t)] : null;
    if (!shot || playhead.t < shot.e - 1.5 / fps) return;
    again = setTimeout(() => playhead.seek(shot.s, { reveal: false }), Math.max(0, ((shot.e - playhead.t) / rate) * 1000 - 20));
  };
  loop.addEventListener("click", () => loop.setAttribute("aria-pressed", String(loop.getAttribute("aria-pressed") !== "true")));
  key("r", "Repeat the shot", () => { if (!loop.disabled) { loop.click(); say(loop.getAttribute("aria-pressed") === "true" ? "Repeats the shot" : "Repeats no more"); } });
  video.addEventListener("ended", () => {
    const shot = loop.getAttribute("aria-pressed") === "true" && playhead.playing ? data.shots.at(-1) : null;
    clearTimeout(again);
    playhead.ended();
    if (shot) { playhead.seek(shot.s, { reveal: false }); playhead.play(); }
  });
  // Keys of a keyboard or headset, another tab's call: what stops or starts the clip stops or starts the page.
  video.addEventListener("pause", () => { if (there && playhead.playing && !video.ended && !video.seeking) playhead.pause(); });
  video.addEventListener("play", () => { if (there && !playhead.playing) playhead.play(); });

  let written = "";
  playhead.follow((t, why) => {
    scrub.value = t;
    const time = clock(t);
    if (time !== written) { $("#now-time").textContent = written = time; scrub.setAttribute("aria-valuetext", time); }
    if (why === "state") {
      play.classList.toggle("on", playhead.playing);
      play.setAttribute("aria-label", playhead.playing ? "Pause" : "Play");
      cancelAnimationFrame(clocked);
      heard = performance.now();
      clocked = requestAnimationFrame(clockwork);
    }
    if (!still.hidden || !there) show(t);
    looped();
  });

  // ---- folded on small screens, and how much of the page lies under it ---------------------------------------------------------------
  const fold = $("#fold");
  const folded = (yes) => {
    stage.classList.toggle("folded", yes);
    fold.setAttribute("aria-expanded", String(!yes));
    fold.setAttribute("aria-label", yes ? "Unfold the player" : "Fold the player");
  };
  folded(kept.get("folded", false) === true);
  fold.addEventListener("click", () => { const yes = !stage.classList.contains("folded"); folded(yes); kept.set("folded", yes); });
  const small = matchMedia("(max-width: 1099px)");
  const under = () => document.documentElement.style.setProperty("--under", small.matches && getComputedStyle(stage).position === "sticky" ? `calc(var(--bar) + ${stage.offsetHeight}px)` : "var(--bar)");
  new ResizeObserver(under).observe(stage);
  small.addEventListener("change", under);
  video.addEventListener("click", () => playhead.toggle());
}
