// The comparison: finding figures, and which dots are whose.
const $ = (query, root = document) => root.querySelector(query);
const $$ = (query, root = document) => [...root.querySelectorAll(query)];

const find = $("#find"), differ = $("#differ"), found = $("#found");
const rows = $$("tr[data-words]"), groups = $$("tbody[data-group]");
const sift = () => {
  const wanted = find.value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const row of rows) {
    const out = (differ.checked && row.dataset.same === "yes") || !wanted.every((word) => row.dataset.words.includes(word));
    row.hidden = out;
    shown += !out;
  }
  for (const group of groups) group.hidden = !$("tr[data-words]:not([hidden])", group);
  found.textContent = `${shown} of ${rows.length} figures`;
};
find.addEventListener("input", sift);
find.addEventListener("keydown", (event) => { if (event.key === "Escape") { find.value = ""; sift(); } });
differ.addEventListener("change", sift);
addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.target.closest("input[type=search]")) return;
  event.preventDefault();
  find.focus();
});
sift();

// A clip under the pointer stands out in every plot.
const light = (number) => $$("[data-clip]").forEach((element) => element.classList.toggle("on", element.dataset.clip === number));
let lit = null;
document.addEventListener("pointerover", (event) => {
  const number = event.target.closest("[data-clip]")?.dataset.clip ?? null;
  if (number !== lit) { lit = number; light(number); }
});
