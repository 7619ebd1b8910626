// The player: the clip where it is there, keyframes where it is not, and the transport beneath.
{
  const video = $("#video"), still = $("#still"), scrub = $("#scrub"), none = $("#no-clip"), play = $(".play");
  let there = false;

  const clip = {
    play() { video.play().catch(() => playhead.pause()); },
    pause() { video.pause(); },
    seek(t) { video.currentTime = t; },
    speed(rate) { video.playbackRate = rate; },
  };
  // The time of the frame that is on the screen, where the browser tells it; else the player's own clock.
  const frames = "requestVideoFrameCallback" in video;
  const frame = (now, told) => { if (playhead.playing) playhead.came(told.mediaTime); video.requestVideoFrameCallback(frame); };
  if (frames) video.requestVideoFrameCallback(frame);
  video.addEventListener("timeupdate", () => { if (playhead.playing && (!frames || video.videoWidth === 0)) playhead.came(video.currentTime); });
  video.addEventListener("ended", () => playhead.ended());
  video.addEventListener("loadeddata", () => { there = true; video.hidden = false; playhead.attach(clip); show(playhead.t); });
  video.addEventListener("error", () => { there = false; video.hidden = true; playhead.attach(null); show(playhead.t); });

  const show = (t) => {
    none.hidden = there || video.networkState === 2;
    still.hidden = there;
    if (there) return;
    const picture = pictures[shotAt(t)];
    if (picture && still.src !== picture.src) still.src = picture.src;
    still.hidden = !picture;
  };
  if (!video.getAttribute("src")) show(0);

  const file = $("#clip-file");
  const open = (chosen) => { if (chosen) video.src = URL.createObjectURL(chosen); };
  $$("[data-open-clip]").forEach((button) => button.addEventListener("click", () => file.click()));
  file.addEventListener("change", () => open(file.files[0]));
  addEventListener("dragover", (event) => { if (event.dataTransfer?.types.includes("Files")) event.preventDefault(); });
  addEventListener("drop", (event) => { const chosen = event.dataTransfer?.files[0]; if (chosen) { event.preventDefault(); open(chosen); } });

  const actions = { play: () => playhead.toggle(), back: () => playhead.step(-1), on: () => playhead.step(1), prev: () => toShot(-1), next: () => toShot(1) };
  $$("[data-do]").forEach((button) => button.addEventListener("click", () => actions[button.dataset.do]()));
  scrub.addEventListener("input", () => playhead.seek(+scrub.value));
  playhead.follow((t, why) => {
    scrub.value = t;
    $("#now-time").textContent = clock(t);
    if (why === "state") { play.classList.toggle("on", playhead.playing); play.setAttribute("aria-label", playhead.playing ? "Pause" : "Play"); }
    show(t);
  });
}
