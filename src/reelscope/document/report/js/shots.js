// The shot list: narrowing it, copying it, and the row of the shot under the playhead.
if (shotRows.length) {
  const table = $("#shot-rows"), HEAD = JSON.parse(table.dataset.head);
  const cellsOf = (row) => JSON.parse(row.dataset.cells);

  // ---- narrowing: every word of the field must stand in a row; chips of one group widen, groups narrow ---------------------------
  const field = $("#shot-find"), found = $("#shot-found"), clear = $("#shot-clear"), none = $("#shot-none"), chips = $$(".chip");
  const plain = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  const wordsOf = shotRows.map((row) => plain([...cellsOf(row), row.dataset.enters, row.dataset.move, row.dataset.size].join(" ")));
  const shown = () => shotRows.filter((row) => !row.hidden);
  const narrow = () => {
    const words = plain(field.value).split(/\s+/).filter(Boolean), wanted = {};
    for (const { dataset } of chips.filter((chip) => chip.getAttribute("aria-pressed") === "true")) (wanted[dataset.group] ??= []).push(dataset.value);
    shotRows.forEach((row, i) => {
      const kept = Object.entries(wanted).every(([group, values]) => {
        const has = row.dataset[group];
        return group === "with" ? values.every((value) => has.split(" ").includes(value)) : values.includes(has);
      });
      row.hidden = !kept || !words.every((word) => wordsOf[i].includes(word));
    });
    const active = words.length > 0 || Object.keys(wanted).length > 0, n = shown().length;
    found.textContent = active ? `${n} of ${shotRows.length}` : `${shotRows.length} shots`;
    clear.hidden = !active;
    none.hidden = n > 0;
    return active;
  };
  if (field) {
    const all = () => {
      const had = narrow();
      field.value = "";
      chips.forEach((chip) => chip.setAttribute("aria-pressed", "false"));
      narrow();
      return had;
    };
    field.addEventListener("input", narrow);
    field.addEventListener("keydown", (event) => { if (event.key === "Enter" && shown().length) playhead.seek(+shown()[0].dataset.start); });
    chips.forEach((chip) => chip.addEventListener("click", () => { chip.setAttribute("aria-pressed", String(chip.getAttribute("aria-pressed") !== "true")); narrow(); }));
    clear.addEventListener("click", () => { all(); field.focus(); });
    $(".filter").addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.preventDefault();
      if (!all()) field.blur();
    });
    // All chips are one stop of the Tab key; arrows go from one to the next.
    const stop = (chip) => { for (const other of chips) other.tabIndex = other === chip ? 0 : -1; };
    stop(chips[0]);
    chips.forEach((chip, i) => {
      chip.addEventListener("focus", () => stop(chip));
      chip.addEventListener("keydown", (event) => {
        const n = chips.length, to = { ArrowRight: (i + 1) % n, ArrowLeft: (i + n - 1) % n, Home: 0, End: n - 1 }[event.key];
        if (to === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
        event.preventDefault();
        chips[to].focus();
      });
    });
    key("/", "Find in the shots", () => { field.focus(); field.select(); });
  }

  // ---- copying: tabs for spreadsheets and a table for documents at once; Markdown besides -----------------------------------------
  // A spreadsheet takes what begins like a formula for one; a clip's text must never run there. Figures stay figures.
  const guarded = (cell) => (/^(?:[=+\-]|@\w+\()/.test(cell) && !/^-?\d+(?:\.\d+)?$/.test(cell) ? `'${cell}` : cell);
  const asTabs = (rows) => rows.map((row) => row.map(guarded).join("\t")).join("\r\n");
  const asTable = (rows) => {
    const line = (row, tag) => make("tr", {}, ...row.map((cell) => make(tag, {}, guarded(cell))));
    return make("table", {}, make("thead", {}, line(rows[0], "th")), make("tbody", {}, ...rows.slice(1).map((row) => line(row, "td")))).outerHTML;
  };
  const asMarkdown = (rows) => {
    const line = (row) => `| ${row.map((cell) => cell.replace(/[\\|`*_<>[\]]/g, "\\$&")).join(" | ")} |`;
    return [line(rows[0]), line(rows[0].map(() => "---")), ...rows.slice(1).map(line)].join("\n");
  };
  const both = async (text, html, words) => {
    try {
      const kinds = { "text/plain": text, "text/html": html };
      await navigator.clipboard.write([new ClipboardItem(Object.fromEntries(Object.entries(kinds).map(([type, part]) => [type, new Blob([part], { type })])))]);
    } catch { // no clipboard to write to: the old way takes both kinds, too
      const give = (event) => { event.preventDefault(); event.clipboardData.setData("text/plain", text); event.clipboardData.setData("text/html", html); };
      document.addEventListener("copy", give);
      const done = document.execCommand("copy");
      document.removeEventListener("copy", give);
      if (!done) return copy(text, words);
    }
    say(words);
    return true;
  };
  $$("[data-table]").forEach((button) => button.addEventListener("click", () => {
    const rows = [HEAD, ...shown().map(cellsOf)], n = rows.length - 1;
    if (!n) { say("No shot is shown: nothing to copy"); return; }
    const words = `${n} ${n === 1 ? "shot" : "shots"} copied`;
    if (button.dataset.table === "markdown") copy(asMarkdown(rows), `${words} as Markdown`); else both(asTabs(rows), asTable(rows), words);
  }));

  key("c", "Copy this shot as text", () => shotRows[shotAt(playhead.t)]?.querySelector(".c-no [data-copy]").click());

  // ---- the shot under the playhead ------------------------------------------------------------------------------------------------
  let here = null;
  playhead.follow((t) => {
    const row = shotRows[shotAt(t)] ?? null;
    if (row === here) return;
    here?.classList.remove("here");
    here?.removeAttribute("aria-current");
    row?.classList.add("here");
    row?.setAttribute("aria-current", "true");
    here = row;
  });
}
