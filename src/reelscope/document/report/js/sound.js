// The plots of the sound: a click goes there, and the playhead stands in each of them.
{
  const plots = $$("[data-plot]");
  const lines = plots.map((plot) => {
    const line = make("i", { class: "soundline", "aria-hidden": "true" });
    plot.append(line);
    plot.addEventListener("click", (event) => {
      const box = plot.getBoundingClientRect();
      playhead.seek(Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)) * duration);
    });
    return line;
  });
  if (lines.length) playhead.follow((t) => { const left = `${(100 * t) / duration}%`; for (const line of lines) line.style.left = left; });
}
