// The player: the clip where it is there, keyframes where it is not, and the transport beneath.
const stage = $("#stage"), video = $("#video");
{
  const facts = data.player, start = data.start || 0, fps = data.fps || 30;
  const still = $("#still"), scrub = $("#scrub"), none = $("#no-clip"), words = $("#no-clip-words"), play = $(".play");
  const tells = "requestVideoFrameCallback" in video; // which frame is on the screen
  const HAIR = 0.001; // a browser that is sent to a frame's very time may round to the frame before; no frame is as short as this
  const SETTLED_MS = 2000; // for the first frame to be told; a page in the background is told none
  const UNTOLD_MS = 80, UNTOLD_FRAMES = 5; // after a seek to the frame that is shown already nothing is told
  const STALLED_MS = 300; // without a frame the clip's own clock goes on: sound alone, slides
  let there = false; // a clip is loaded
  let sees = false; // and its picture plays
  let aim = null; // the frame that it is on its way to
  let offset = 0; // what the browser's clock is ahead of the document's: containers may begin anywhere
  let shown = null; // time of the frame on the screen, by the browser's clock
  let heard = 0, rate = 1, turn = 0, blob = null, creeping = false;

  // ---- the clip as what the playhead runs by -----------------------------------------------------------------------------------
  // Acts where no frame is told for so long, and over so many pictures of the page: after a stall its clock is ahead of what it is told.
  // A page in the background draws no pictures. Gives what calls it off.
  const untold = (ms, act) => {
    const since = performance.now();
    let timer = 0, id = 0, drawn = 0;
    const picture = () => {
      drawn += 1;
      if (drawn > UNTOLD_FRAMES && performance.now() - since >= ms) act(); else id = requestAnimationFrame(picture);
    };
    if (document.hidden) timer = setTimeout(act, ms); else id = requestAnimationFrame(picture);
    return () => { clearTimeout(timer); cancelAnimationFrame(id); };
  };
  const landed = (at) => new Promise((done) => { // goes there; the time of the frame that is shown then
    let told = false, forget = () => {};
    const id = video.requestVideoFrameCallback((_, frame) => { told = true; forget(); shown = frame.mediaTime; done(shown); });
    video.addEventListener("seeked", () => { if (!told) forget = untold(UNTOLD_MS, () => { video.cancelVideoFrameCallback(id); done(shown); }); }, { once: true });
    video.currentTime = Math.max(0, at);
  });

  // Where frames have no common length, Chromium takes a mean for it when it seeks: it may land a frame or two early, and some frames
  // it never lands on. It shows every one when it plays. So there the last bit of the way is played, slowly and without sound.
  const SPEEDS = [0.25, 0.125, 0.0625, 0.0625, 0.0625], PATIENCE_MS = 500, GIVEN_UP = 10; // so many times of patience: a stall counts as one
  const creep = (mine, until, slow = SPEEDS[1]) => new Promise((done) => {
    const silent = video.muted;
    let id = 0, looks = 0;
    const end = (frame) => {
      clearInterval(hurry);
      video.cancelVideoFrameCallback(id);
      if (!playhead.playing) video.pause(); // else somebody has pressed play meanwhile
      video.muted = silent;
      video.playbackRate = rate;
      creeping = false;
      done(frame);
    };
    const hurry = setInterval(() => { // a frame that stands for long
      if (mine !== turn) end(null);
      else if (video.ended || ++looks > GIVEN_UP) end(shown);
      else video.playbackRate = Math.min(4, video.playbackRate * 2);
    }, PATIENCE_MS);
    const see = (_, told) => {
      shown = told.mediaTime;
      if (mine !== turn) end(null); else if (until(shown)) end(shown); else id = video.requestVideoFrameCallback(see);
    };
    creeping = true;
    video.muted = true;
    video.playbackRate = slow;
    id = video.requestVideoFrameCallback(see);
    video.play().catch(() => end(null));
  });
  const REACH_S = 0.06, FAR_S = 12, LEAST_S = 1 / 120;
  const landedBefore = async (mine, goal) => { // the place from which a frame before goal is shown; null at the start
    for (let reach = REACH_S; reach < FAR_S; reach *= 2) {
      const at = Math.max(0, goal - reach), frame = await landed(at);
      if (mine !== turn) return null;
      if (frame !== null && frame < goal - HAIR) return at;
      if (at === 0) return null;
    }
    return null;
  };
  const creepTo = async (mine, goal) => { // from wherever it stands, before that; again and slower where a busy machine has skipped it
    let frame = shown;
    for (const slow of SPEEDS) {
      frame = await creep(mine, (m) => m >= goal - HAIR, slow);
      if (mine !== turn || frame === null || frame <= goal + HAIR || (await landedBefore(mine, goal)) === null) break;
    }
    return frame;
  };
  const exactly = async (goal) => { // to the frame of this very time
    const mine = ++turn, here = () => mine === turn;
    aim = goal;
    const frame = await landed(goal + HAIR);
    if (here() && frame !== null && Math.abs(frame - goal) > HAIR && (frame < goal || (await landedBefore(mine, goal)) !== null) && here()) await creepTo(mine, goal);
    if (here()) aim = null;
  };
  const neighbour = async (by) => { // the next frame, or the one before; null where there is none
    const mine = ++turn, from = aim ?? shown ?? (await landed(video.currentTime)) ?? video.currentTime; // a seek may still be on its way
    if (mine !== turn) return null;
    aim = null;
    if (!data.vfr) {
      for (let k = 1; k < 8; k++) { // the middle of its time; a frame may be missing
        const frame = await landed(Math.max(0, by > 0 ? from + (k + 0.5) / fps : from - (k - 0.5) / fps));
        if (mine !== turn) return null;
        if (frame === null || (frame - from) * by > HAIR) return frame;
      }
      return null;
    }
    // In small steps away, until another frame is shown. Chromium passes over some where rates vary: those it cannot be stopped at.
    let at = from;
    for (let reach = LEAST_S; reach < FAR_S; reach += reach < 0.25 ? LEAST_S : reach) {
      at = Math.min(video.duration, Math.max(0, from + by * reach));
      const frame = await landed(at);
      if (mine !== turn) return null;
      if (frame !== null && (frame - from) * by > HAIR) return frame;
      if (at === 0 || at === video.duration) return null;
    }
    return null;
  };

  let steps = Promise.resolve(), waiting = 0;
  const clip = {
    play() { turn += 1; video.play().catch((error) => { if (error.name !== "AbortError") playhead.pause(); }); },
    pause() { video.pause(); },
    seek(t) {
      const goal = t + offset;
      shown = aim = null;
      if (tells && sees && data.vfr && !playhead.playing && data.shots.some((shot) => Math.abs(shot.s - t) < 1e-6)) { exactly(goal); return; }
      turn += 1;
      video.currentTime = Math.max(0, goal + HAIR);
    },
    speed(to) { video.defaultPlaybackRate = video.playbackRate = to; },
    // Frame by frame; false where the browser does not tell its frames, and the playhead counts by the mean rate.
    step(by, came) {
      if (!tells || !sees) return false;
      if (waiting > 3) return true; // a key held down is not to go on for seconds after it is let go
      waiting += 1;
      steps = steps.then(() => neighbour(by)).then((frame) => { waiting -= 1; if (frame !== null) came(frame - offset); }, () => { waiting -= 1; });
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
  video.addEventListener("loadstart", () => { shown = null; });
  video.addEventListener("loadeddata", () => {
    sees = video.videoWidth > 0;
    if (!tells || !sees || shown !== null) { settle(shown); return; }
    const forget = untold(SETTLED_MS, () => { video.cancelVideoFrameCallback(id); settle(null); });
    const id = video.requestVideoFrameCallback((_, told) => { forget(); settle(told.mediaTime); });
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
  video.addEventListener("volumechange", () => { if (creeping) return; loudness(); kept.set("sound", [video.volume, video.muted]); });
  key("m", "Mute", () => { if (mute.disabled) say(mute.title); else mute.click(); });
  const [loud, silent] = [kept.get("sound", [1, false])].map((was) => (Array.isArray(was) ? was : [1, false]))[0];
  if (loud >= 0 && loud <= 1) { video.volume = loud; video.muted = silent === true; loudness(); }
  controls();

  // ---- one shot again and again ----------------------------------------------------------------------------------------------------
  const loop = $("#loop");
  let again = 0, round = null; // the shot that is repeated: the one somebody went to, also where a busy machine has played on beyond it
  const looped = (why) => { // the shot's last frame keeps its time, and the next shot's first one is not seen
    clearTimeout(again);
    again = 0;
    if (why !== "play") round = data.shots[shotAt(playhead.t)] ?? null;
    if (!round || !playhead.playing || loop.getAttribute("aria-pressed") !== "true" || playhead.t < round.e - 1.5 / fps) return;
    const back = () => playhead.seek(round.s, { reveal: false });
    if (!there && playhead.t >= duration) back(); else again = setTimeout(back, Math.max(0, ((round.e - playhead.t) / rate) * 1000 - 20));
  };
  loop.addEventListener("click", () => { // who asks to see a shot again wants it to play
    const on = loop.getAttribute("aria-pressed") !== "true";
    loop.setAttribute("aria-pressed", String(on));
    looped("state");
    if (on) playhead.play();
  });
  key("r", "Repeat the shot", () => { if (!loop.disabled) { loop.click(); say(loop.getAttribute("aria-pressed") === "true" ? "Repeats the shot" : "Repeats no more"); } });
  video.addEventListener("ended", () => {
    const shot = loop.getAttribute("aria-pressed") === "true" && playhead.playing ? (round ?? data.shots.at(-1)) : null;
    clearTimeout(again);
    playhead.ended();
    if (shot) { playhead.seek(shot.s, { reveal: false }); playhead.play(); }
  });
  // Keys of a keyboard or headset, another tab's call: what stops or starts the clip stops or starts the page.
  video.addEventListener("pause", () => { if (there && playhead.playing && !video.ended && !video.seeking) playhead.pause(); });
  video.addEventListener("play", () => { if (there && !creeping && !video.paused && !playhead.playing) playhead.play(); });

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
    looped(why);
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
