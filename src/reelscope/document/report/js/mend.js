// Mending what was misread, where a server shows this report. An edit goes to the server, which keeps it beside the measurement, with name
// and time; the page is shown anew. Nothing here changes what was measured.
if (data.mends) {
  const dialog = $("#mend"), form = $("form", dialog), switcher = $("#mend-switch"), failed = $("#mend-failed"), history = $("#mend-history");
  const url = "corrections"; // beside the report on the server
  let list = null, index = -1;

  const anew = $("#mend-anew"), elsewhere = $("#mend-else");

  // What a refusal means to whoever sits here; the rest of what a server may say is for programs.
  const REFUSED = {
    author_needed: () => "Please give your name.",
    empty_value: () => "Say what it is: this cannot be left empty.",
    too_long: (rule) => `That is too long: ${rule?.longest ?? 500} characters at most.`,
    several_places: () => "Several alike stand here at the same time; this one cannot be mended on the page.",
    already_withdrawn: () => "Somebody took it back already.",
    stale_corrections: () => "Somebody mended something of this clip after this page was made.",
    token_needed: () => "You are not logged in any more. Log in on the server's page in another tab, then save again.",
    not_found: () => "The analysis is not on the server any more.",
  };
  const OUTDATED = ["stale_corrections", "not_there", "already_withdrawn"];
  const asked = async (method, address, body, revision) => {
    const headers = { Accept: "application/json" };
    if (body) headers["Content-Type"] = "application/json";
    if (revision !== undefined) headers["If-Match"] = `"${revision}"`;
    let answer;
    try { answer = await fetch(address, { method, headers, body: body && JSON.stringify(body), credentials: "same-origin" }); } catch {
      throw new Error("The server does not answer; nothing was saved.");
    }
    const told = answer.status === 204 ? null : await answer.json().catch(() => null);
    if (answer.ok) return told;
    const words = REFUSED[told?.code]?.(index < 0 ? null : allowed(data.mends[index])) ?? `${told?.message ?? `The server answered ${answer.status}`}.`;
    throw Object.assign(new Error(words), { code: told?.code });
  };
  const when = (at) => `${at.slice(0, 10)} at ${at.slice(11, 16)} UTC`; // as the marks on the page have it
  // Who did what after this page was made: here, else anywhere in the clip.
  const meanwhile = async (error) => {
    const found = await asked("GET", url).catch(() => null);
    if (!found) return error.message;
    list = found;
    const later = list.items.filter((one) => !data.mended.ids.includes(one.id) && one.state !== "withdrawn");
    const here = later.filter(stands(data.mends[index].edit)).at(-1);
    const did = (one) => (one.now ? `changed this to “${one.now}”` : "took this away");
    if (here) return `${here.author} ${did(here)} on ${when(here.at)}, after this page was made.`;
    const other = later.at(-1);
    return other ? `${other.author} mended something else of this clip on ${when(other.at)}, after this page was made.` : error.message;
  };

  // ---- what can be mended becomes a control: a click or Enter on it opens the form ------------------------------------------------------
  const places = $$("[data-mend]");
  // Bars of the timeline say what they are in their details; one that stands for several is zoomed into first.
  const ofBar = (bar) => (bar && !many.has(bar) ? data.tips[+bar.dataset.t]?.m : undefined);
  const mendable = new Set(data.tips.filter(({ m }) => m !== undefined).map(({ m }) => data.mends[m].edit.analyzer));
  for (const lane of $$(".lane")) lane.classList.toggle("can-mend", mendable.has(lane.dataset.analyzer));
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
    const place = event.target.closest?.("[data-mend]"), number = place ? +place.dataset.mend : ofBar(event.target.closest?.(".it"));
    if (number === undefined || (event.type === "keydown" && event.key !== "Enter")) return;
    event.preventDefault();
    event.stopPropagation();
    show(number);
  };
  document.addEventListener("click", opens, true);
  document.addEventListener("keydown", opens, true);

  // ---- the form ---------------------------------------------------------------------------------------------------------------
  const near = (a, b) => Math.abs((a ?? 0) - (b ?? 0)) < 0.02;
  const allowed = ({ edit, of }) => list?.editable.find((one) => (one.segments_of_kind ?? undefined) === of && one.kind === edit.kind && (!edit.analyzer || one.analyzer === edit.analyzer) && (!edit.field || one.field === edit.field));
  const show = async (chosen, draft) => {
    index = chosen;
    failed.hidden = anew.hidden = true;
    try { list = await asked("GET", url); } catch (error) { say(error.message); return; }
    const { what, edit } = data.mends[index], rule = allowed(data.mends[index]);
    $("#mend-what").textContent = edit.start_s === undefined ? what : `${what}, ${clock(edit.start_s)}`;
    const value = data.mends[index].shown ?? (edit.kind === "speaker" ? "" : edit.was ?? "");
    const field = rule?.values
      ? make("select", { id: "mend-now", name: "now", required: true }, ...(rule.values.includes(value) ? [] : [make("option", { value: "", selected: true, disabled: true }, "choose")]), ...rule.values.map((v) => make("option", { value: v, selected: v === value }, v.replaceAll("_", " "))))
      : rule?.lines || (rule?.longest ?? 500) > 1000 || String(value).length > 60
        ? make("textarea", { id: "mend-now", name: "now", rows: 4, value, maxLength: rule?.longest ?? 500 })
        : make("input", { id: "mend-now", name: "now", value, maxLength: rule?.longest ?? 500, autocomplete: "off" });
    if (field.matches("textarea")) field.addEventListener("keydown", (event) => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit(); });
    $("#mend-field").replaceChildren(field);
    $("#mend-empty").hidden = !rule?.may_be_empty;
    $("#mend-author").value = kept.get("author", "");
    $("#mend-note").value = draft?.note ?? "";
    elsewhere.hidden = !draft;
    if (draft) {
      elsewhere.textContent = value === "" ? "Nothing stands here by now. What you wrote is in the field." : `Here it says by now: “${String(value).replaceAll("_", " ")}”. What you wrote is in the field.`;
      field.value = draft.now;
    }
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
  const stands = (edit) => (one) => one.kind === edit.kind && one.state !== "withdrawn" && (!edit.field || one.field === edit.field) && one.places.some(within(edit));
  // What was mended here before, with who and when; each can be taken back.
  const told = (edit) => {
    const here = list.items.filter(stands(edit));
    history.replaceChildren(...here.map((one) => {
      const back = make("button", { type: "button", class: "quiet-button" }, "Take back");
      back.addEventListener("click", () => {
        const author = $("#mend-author").value.trim(), { revision } = list; // the list of what was mended is fresh
        kept.set("author", author);
        send(() => asked("DELETE", `${url}/${encodeURIComponent(one.id)}${author ? `?author=${encodeURIComponent(author)}` : ""}`, null, revision), "Taken back");
      });
      return make("li", {}, make("span", {}, `“${one.was ?? "nothing"}” became “${one.now}”`, make("small", {}, `${one.author}, ${when(one.at)}${one.state === "superseded" ? ", replaced since" : ""}`)), back);
    }));
    history.hidden = here.length === 0;
  };
  const send = async (act, words) => {
    const button = $("[type=submit]", form);
    button.disabled = true;
    failed.hidden = anew.hidden = true;
    try {
      const done = await act();
      again(done?.added?.ids.length === 0 ? "It said so already" : words);
    } catch (error) {
      const outdated = OUTDATED.includes(error.code);
      failed.textContent = outdated ? `${await meanwhile(error)} Nothing was saved.` : error.message;
      failed.hidden = false;
      anew.hidden = !outdated;
      if (outdated) anew.focus(); else if (error.code === "author_needed") $("#mend-author").focus();
    } finally { button.disabled = false; }
  };
  // Show the page anew, where we are; a draft opens again with what is typed in it.
  const again = (words, draft) => {
    kept.set("resume", { path: location.pathname, t: playhead.t, y: scrollY, words, draft });
    location.reload();
  };
  anew.addEventListener("click", async () => {
    const draft = { edit: data.mends[index].edit, now: $("#mend-now").value, note: $("#mend-note").value };
    kept.set("draft", draft.now);
    if (kept.get("draft", null) !== draft.now) await copy(draft.now, "What you wrote is copied"); // a browser that keeps nothing
    kept.set("draft", null);
    again("Shown as it is by now", draft);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const now = $("#mend-now").value, author = $("#mend-author").value.trim(), note = $("#mend-note").value.trim();
    const { edit } = data.mends[index];
    kept.set("author", author);
    // Against the revision that this page shows: what it does not show is not written over.
    send(() => asked("POST", url, { edits: [{ ...edit, now, ...(note ? { note } : {}) }], ...(author ? { author } : {}) }, data.mended.revision), "Saved; the measurement is kept beside it");
  });
  dialog.addEventListener("click", (event) => { if (event.target === dialog || event.target.closest("[data-close]")) dialog.close(); });

  // ---- where we were before the page was shown anew -------------------------------------------------------------------------------
  const resume = kept.get("resume", null);
  if (kept.get("mending", false)) turn(true);
  if (resume && (resume.path ?? location.pathname) === location.pathname) {
    kept.set("resume", null);
    playhead.seek(resume.t);
    scrollTo({ top: resume.y, behavior: "instant" });
    say(resume.words);
    if (resume.draft) {
      const { edit } = resume.draft, alike = data.mends.map(({ edit: one }, n) => [one, n]).filter(([one]) => one.kind === edit.kind && one.field === edit.field && one.analyzer === edit.analyzer);
      const same = edit.start_s === undefined
        ? alike.filter(([one]) => one.was === edit.was)
        : alike.filter(([one]) => near(one.start_s, edit.start_s) && near(one.end_s, edit.end_s) && one.track_id === edit.track_id);
      const meets = alike.filter(([one]) => one.start_s < edit.end_s && one.end_s > edit.start_s).sort(([a], [b]) => Math.abs(a.start_s - edit.start_s) - Math.abs(b.start_s - edit.start_s));
      const [place] = [...same, ...meets];
      if (place) show(place[1], resume.draft); else copy(resume.draft.now, "That place is gone; what you wrote is copied");
    }
  }
}
