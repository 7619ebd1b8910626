// What is said: the word under the playhead stands out, and all of it can be copied.
{
  const rows = $$(".said-list > li").map((row) => ({ row, s: +row.dataset.start, e: +row.dataset.end, words: null }));
  let lit = null, current = null;
  const wordsOf = (found) => (found.words ??= $$(".w", found.row).map((word) => ({ word, s: +word.dataset.seek, e: +word.dataset.end })));
  if (rows.length) {
    playhead.follow((t) => {
      const found = rows.find(({ s, e }) => t >= s && t < e) ?? null;
      if (found !== current) { current?.row.classList.remove("here"); found?.row.classList.add("here"); current = found; }
      const word = found ? (wordsOf(found).find(({ s, e }) => t >= s && t < e)?.word ?? null) : null;
      if (word !== lit) { lit?.classList.remove("now"); word?.classList.add("now"); lit = word; }
    });
    $("#copy-said").addEventListener("click", () => {
      const lines = rows.map(({ row }) => {
        const who = $(".who", row).textContent.trim(), said = $(".line", row).textContent.trim().replace(/\s+/g, " ");
        return `${$(".go", row).textContent} ${who ? `${who}: ` : ""}${said}`;
      });
      copy(lines.join("\n"), "What is said: copied");
    });
  }
}
