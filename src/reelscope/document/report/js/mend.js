// Mending what was misread, where a server shows this report. An edit goes to the server, which keeps it beside the measurement, with name
// and time; the page is shown anew. Nothing here changes what was measured.
if (data.mends) {
  const dialog = $("#mend"), form = $("form", dialog), switcher = $("#mend-switch"), failed = $("#mend-failed"), history = $("#mend-history");
  const url = "corrections"; // beside the report on the server
  let list = null, index = -1;

  const asked = async (method, address, body) => {
    const headers = { Accept: "application/json" };
    if (body) headers["Content-Type"] = "application/json";
    if (list && method !== "GET") headers["If-Match"] = `"${list.revision}"`;
    let answer;
    try { answer = await fetch(address, { method, headers, body: body && JSON.stringify(body), credentials: "same-origin" }); } catch {
      throw new Error("The server does not answer; nothing was saved.");
    }
    const told = answer.status === 204 ? null : await answer.json().catch(() => null);
    if (!answer.ok) throw new Error([told?.message ?? `The server answered ${answer.status}`, told?.hint].filter(Boolean).join(": "));
    return told;
  };

  // ---- what can be mended becomes a control: a click or Enter on it opens the form ------------------------------------------------------
  const places = $$("[data-mend]");
  const turn = (on) => {
    document.body.classList.toggle("mending", on);
    switcher.setAttribute("aria-pressed", String(on));
    for (const place of places) {
      if (place.matches("button, a, .w")) continue; // hundreds of words are no stops for the Tab key: each line has its own button
      if (on) { place.tabIndex = 0; place.setAttribute("role", "button"); } else { place.removeAttribute("tabindex"); place.removeAttribute("role"); }
    }
    kept.set("mending", on);
    if (on) say("What is underlined can be mended: click it, or press Enter on it");
  };
  switcher.addEventListener("click", () => turn(!document.body.classList.contains("mending")));
  key("e", "Mend what was misread", () => switcher.click());
  const opens = (event) => {
    if (!document.body.classList.contains("mending")) return;
    const place = event.target.closest?.("[data-mend]");
    if (!place || (event.type === "keydown" && event.key !== "Enter")) return;
    event.preventDefault();
    event.stopPropagation();
    show(+place.dataset.mend);
  };
  document.addEventListener("click", opens, true);
  document.addEventListener("keydown", opens, true);

  // ---- the form ---------------------------------------------------------------------------------------------------------------
  const near = (a, b) => Math.abs((a ?? 0) - (b ?? 0)) < 0.02;
  const allowed = (edit) => list.editable.find((one) => one.kind === edit.kind && (!edit.analyzer || one.analyzer === edit.analyzer) && (!edit.field || one.field === edit.field));
  const show = async (chosen) => {
    index = chosen;
    failed.hidden = true;
    try { list = await asked("GET", url); } catch (error) { say(error.message); return; }
    const { what, edit } = data.mends[index], rule = allowed(edit);
    $("#mend-what").textContent = edit.start_s === undefined ? what : `${what}, ${clock(edit.start_s)}`;
    const value = edit.kind === "speaker" ? (data.mends[index].shown ?? "") : (edit.was ?? "");
    const field = rule?.values
      ? make("select", { id: "mend-now", name: "now", required: true }, ...(rule.values.includes(value) ? [] : [make("option", { value: "", selected: true, disabled: true }, "choose")]), ...rule.values.map((v) => make("option", { value: v, selected: v === value }, v.replaceAll("_", " "))))
      : String(value).length > 60 || String(value).includes("\n")
        ? make("textarea", { id: "mend-now", name: "now", rows: 4, value, maxLength: rule?.longest ?? 500 })
        : make("input", { id: "mend-now", name: "now", value, maxLength: rule?.longest ?? 500, autocomplete: "off" });
    $("#mend-field").replaceChildren(field);
    $("#mend-empty").hidden = !rule?.may_be_empty;
    $("#mend-author").value = kept.get("author", "");
    told(edit);
    dialog.showModal();
    field.focus();
    field.select?.();
  };
  // Whether a correction stands where an edit would: of a voice its number says so. Of words all that lie in the line or share their time
  // with the word. Of a transition the middle, where the shots meet: the edit has the times of the shot.
  const within = (edit) => (place) => {
    if (edit.analyzer && place.analyzer !== edit.analyzer) return false;
    if (edit.start_s === undefined) return place.part === "speakers" && place.index === edit.was;
    if (edit.kind === "word") return place.start_s < edit.end_s && place.end_s > edit.start_s;
    if (place.part === "transitions") return near((place.start_s + place.end_s) / 2, edit.start_s);
    return near(place.start_s, edit.start_s) && near(place.end_s, edit.end_s);
  };
  // What was mended here before, with who and when; each can be taken back.
  const told = (edit) => {
    const here = list.items.filter((one) => one.kind === edit.kind && one.state !== "withdrawn" && (!edit.field || one.field === edit.field) && one.places.some(within(edit)));
    history.replaceChildren(...here.map((one) => {
      const back = make("button", { type: "button", class: "quiet-button" }, "Take back");
      back.addEventListener("click", () => {
        const author = $("#mend-author").value.trim();
        kept.set("author", author);
        send(() => asked("DELETE", `${url}/${encodeURIComponent(one.id)}${author ? `?author=${encodeURIComponent(author)}` : ""}`), "Taken back");
      });
      return make("li", {}, make("span", {}, `“${one.was ?? "nothing"}” became “${one.now}”`, make("small", {}, `${one.author}, ${new Date(one.at).toLocaleString()}${one.state === "superseded" ? ", replaced since" : ""}`)), back);
    }));
    history.hidden = here.length === 0;
  };
  const send = async (act, words) => {
    const button = $("[type=submit]", form);
    button.disabled = true;
    failed.hidden = true;
    try {
      await act();
      kept.set("resume", { t: playhead.t, y: scrollY, words });
      location.reload();
    } catch (error) {
      failed.textContent = error.message;
      failed.hidden = false;
    } finally { button.disabled = false; }
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const now = $("#mend-now").value, author = $("#mend-author").value.trim(), note = $("#mend-note").value.trim();
    const { edit } = data.mends[index];
    kept.set("author", author);
    send(() => asked("POST", url, { edits: [{ ...edit, now, ...(note ? { note } : {}) }], ...(author ? { author } : {}) }), "Saved; the measurement is kept beside it");
  });
  dialog.addEventListener("click", (event) => { if (event.target === dialog || event.target.closest("[data-close]")) dialog.close(); });

  // ---- where we were before the page was shown anew -------------------------------------------------------------------------------
  const resume = kept.get("resume", null);
  kept.set("resume", null);
  if (resume) {
    playhead.seek(resume.t);
    scrollTo({ top: resume.y, behavior: "instant" });
    say(resume.words);
  }
  if (kept.get("mending", false)) turn(true);
}
