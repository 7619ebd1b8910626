// Questions to the page that a checker of accessibility would ask, as an object; each answers with what is wrong.
({
  // Text that stands out too little from what lies behind it: 4.5 to 1, of large text 3 to 1 (WCAG 2.2, 1.4.3).
  contrast() {
    const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    const rgba = (colour) => {
      canvas.clearRect(0, 0, 1, 1);
      canvas.fillStyle = colour;
      canvas.fillRect(0, 0, 1, 1);
      return [...canvas.getImageData(0, 0, 1, 1).data];
    };
    const over = (top, under) => top.slice(0, 3).map((v, i) => (v * top[3]) / 255 + under[i] * (1 - top[3] / 255));
    const channel = (v) => (v / 255 <= 0.03928 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4);
    const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
    const ground = (element) => {
      const layers = [];
      for (let e = element; e; e = e.parentElement) {
        const colour = rgba(getComputedStyle(e).backgroundColor);
        if (colour[3]) layers.push(colour);
        if (colour[3] === 255) break;
      }
      return layers.reverse().reduce((under, top) => over(top, under), [255, 255, 255]);
    };
    const wrong = [];
    const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = walk.nextNode(); node; node = walk.nextNode()) {
      const e = node.parentElement, style = getComputedStyle(e);
      if (!node.data.trim() || !e.checkVisibility() || !e.getClientRects().length || e.closest("[aria-disabled=true], .vh, .skip, option, script")) continue;
      const back = ground(e), text = over(rgba(style.color), back);
      const [brighter, darker] = [light(back), light(text)].sort((x, y) => y - x);
      const size = parseFloat(style.fontSize), large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
      const ratio = (brighter + 0.05) / (darker + 0.05);
      if (ratio < (large ? 3 : 4.5)) wrong.push(`${node.data.trim().slice(0, 30)}: ${ratio.toFixed(2)}`);
    }
    return wrong;
  },
  // What can be used and has no name.
  names() {
    const all = document.querySelectorAll("button, a, input, select, textarea, summary, [role=progressbar], [role=region], video, dialog[open]");
    const name = (e) => e.getAttribute("aria-label") || document.getElementById(e.getAttribute("aria-labelledby"))?.textContent
      || e.labels?.[0]?.textContent || e.textContent || "";
    return [...all].filter((e) => e.checkVisibility() && !name(e).trim()).map((e) => e.outerHTML);
  },
  // What a finger can hardly hit: lower than 44 px. Links inside of facts are text.
  small() {
    const all = document.querySelectorAll("button, a, input, select, textarea, summary");
    return [...all].filter((e) => e.checkVisibility() && !e.closest(".vh, .skip, .facts, .quiet")).map((e) => {
      const whole = getComputedStyle(e, "::after").position === "absolute" ? e.closest(".row") : null; // a link that fills its row
      const box = (whole ?? (e.matches("[type=checkbox], [type=radio]") ? e.closest("label") : e)).getBoundingClientRect();
      return box.height < 43.5 ? `${e.outerHTML.slice(0, 90)}: ${box.height}` : "";
    }).filter(Boolean);
  },
  // Headings, landmarks and references that do not fit together.
  odd() {
    const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
    const levels = [...document.querySelectorAll("main :is(h1, h2, h3)")].filter((e) => e.checkVisibility()).map((e) => Number(e.tagName[1]));
    const named = [...document.querySelectorAll("[aria-labelledby], [aria-describedby]")];
    const asked = named.flatMap((e) => ["aria-labelledby", "aria-describedby"].flatMap((a) => (e.getAttribute(a) ?? "").split(" ").filter(Boolean)));
    return {
      h1: document.querySelectorAll("main h1").length,
      mains: document.querySelectorAll("main, [role=main]").length,
      twice: ids.filter((id, i) => ids.indexOf(id) !== i),
      skipped: levels.filter((n, i) => i && n > levels[i - 1] + 1),
      lost: asked.filter((id) => !document.getElementById(id)),
    };
  },
})
