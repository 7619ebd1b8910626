// What goes on by itself: streams of events that come back after a break, and looks every few seconds that rest while nobody watches.

const FIRST_MS = 1000, MOST_MS = 15000;

// A stream from where(), asked each time. handlers: by event name; each gets the parsed data. onState("open" | "lost" | "ended"). check(): asked after the server refused
// the stream; false ends it. Closed while the tab is hidden, opened again when it is seen (restsHidden).
export const stream = (where, handlers, { onState = () => {}, check = async () => true, restsHidden = false } = {}) => {
  let source = null, timer = null, pause = FIRST_MS, ended = false;

  const open = () => {
    if (ended || source) return;
    source = new EventSource(where());
    source.addEventListener("open", () => { pause = FIRST_MS; onState("open"); });
    for (const [name, take] of Object.entries(handlers)) {
      source.addEventListener(name, (event) => {
        let data;
        try {
          data = JSON.parse(event.data);
        } catch {
          return; // of a newer server
        }
        take(data);
      });
    }
    source.addEventListener("error", () => {
      if (ended) return;
      onState("lost");
      if (source?.readyState === EventSource.CLOSED) { // refused: the browser tries no more by itself
        source = null;
        timer = setTimeout(again, pause);
        pause = Math.min(pause * 2, MOST_MS);
      }
    });
  };
  const again = async () => {
    timer = null;
    if (ended) return;
    if (await check().catch(() => true)) open();
    else close();
  };
  const rest = () => {
    clearTimeout(timer);
    timer = null;
    source?.close();
    source = null;
  };
  const seen = () => (document.hidden ? rest() : open());
  const close = () => {
    if (ended) return;
    ended = true;
    rest();
    document.removeEventListener("visibilitychange", seen);
    onState("ended");
  };
  if (restsHidden) document.addEventListener("visibilitychange", seen);
  if (!(restsHidden && document.hidden)) open();
  return { close };
};

// Calls look() now and then again; look returns the milliseconds until the next time. It is called at once when the tab is seen again.
export const every = (look) => {
  let timer = null, running = false, wanted = false, ended = false, failures = 0;
  const run = async () => {
    clearTimeout(timer);
    if (ended || document.hidden) return;
    if (running) {
      wanted = true;
      return;
    }
    running = true;
    let pause;
    try {
      pause = await look();
      failures = 0;
    } catch {
      pause = Math.min(FIRST_MS * 2 ** ++failures, MOST_MS);
    }
    running = false;
    if (ended) return;
    if (wanted) {
      wanted = false;
      run();
    } else if (pause !== null) timer = setTimeout(run, pause);
  };
  document.addEventListener("visibilitychange", run);
  run();
  return {
    now: run,
    stop() {
      ended = true;
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", run);
    },
  };
};
