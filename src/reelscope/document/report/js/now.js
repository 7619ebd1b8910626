// What holds at the playhead: the shot, the text on the screen, the words, the sound, what is seen. data.now: see now.py. A row is
// written again only when what it says has changed.
{
  const now = data.now, rows = new Map($$("[data-now]").map((row) => [row.dataset.now, { row, cell: $("dd", row), told: null }]));
  const at = (list, ms) => list.filter((one) => ms >= one[0] && ms < one[1]);
  const NONE = "–";
  const write = (name, told, fill) => {
    const place = rows.get(name);
    if (!place || place.told === told) return;
    place.told = told;
    place.row.classList.toggle("still", told === "");
    place.cell.replaceChildren(...(told === "" ? [make("span", { class: "none-now" }, NONE)] : fill()));
  };
  const plain = (name, words) => write(name, words, () => [make("span", { dir: "auto" }, words)]);
  const counted = (list) => { // "2 Person, Face"
    const found = new Map();
    for (const one of list) found.set(one[2], (found.get(one[2]) ?? 0) + 1);
    return [...found].map(([word, n]) => (n > 1 ? `${n} × ${word}` : word)).join(", ");
  };
  const WORDS_AROUND = 7;
  const said = (ms) => {
    if (now.said.why !== null) {
      if (now.flow.length) plain("said", at(now.flow, ms).length ? "somebody speaks; the words were not measured" : "");
      return;
    }
    const found = at(now.said.of, ms);
    if (!found.length) { plain("said", ""); return; }
    const marks = found.map((one) => one[3].findLastIndex((word) => ms >= word[0]));
    write("said", found.map((one, i) => `${one[0]}:${marks[i]}`).join(" "), () => found.map((one, i) => {
      const first = Math.max(0, Math.min(marks[i] - WORDS_AROUND + 3, one[3].length - 2 * WORDS_AROUND)), line = make("span", { dir: "auto", class: "line" });
      if (one[2]) line.append(make("b", {}, one[2]), " ");
      one[3].slice(first, first + 2 * WORDS_AROUND).forEach((word, k) => {
        const current = first + k === marks[i] && ms < word[1];
        line.append(current ? make("mark", {}, word[2]) : word[2], " ");
      });
      return line;
    }));
  };
  playhead.follow((t) => {
    const ms = t * 1000, shot = shotAt(t);
    if (shot < 0) plain("shot", "");
    else plain("shot", `${data.shots[shot].n} of ${data.shots.length}${now.shots[shot] ? ` · ${now.shots[shot]}` : ""}`);
    if (now.text.why === null) plain("text", at(now.text.of, ms).sort((a, b) => a[3] - b[3]).map((one) => one[2]).join(" · "));
    said(ms);
    if (now.sound.why === null) plain("sound", counted(at(now.sound.of, ms)));
    if (now.seen.why === null) plain("seen", counted(at(now.seen.of, ms)));
  });
}
