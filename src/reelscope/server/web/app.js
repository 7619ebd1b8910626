// Which view is shown: #/ the list, #/a/ID one analysis, #/monitor; the login form in front of them where a token is needed.

import { call, doors } from "/assets/api.js";
import { announce, fromTemplate, say } from "/assets/dom.js";
import { detail } from "/assets/detail.js";
import { list } from "/assets/list.js";
import { login } from "/assets/login.js";
import { monitor } from "/assets/monitor.js";
import { VERSION } from "/assets/names.js";
import { session } from "/assets/state.js";

const main = document.getElementById("main");
let view = null, locked = false, first = true;

const nowhere = () => {
  const { root, refs } = fromTemplate("t-lost");
  say(refs.title, "There is nothing here");
  say(refs.text, "This address leads nowhere.");
  main.replaceChildren(root);
  return { title: "Not found", focus: refs.title, close() {} };
};
const viewOf = (hash) => {
  const [path, search = ""] = hash.replace(/^#/, "").split("?");
  const one = /^\/a\/([A-Za-z0-9_-]{1,64})$/.exec(path);
  if (one) return () => detail(main, { id: one[1] });
  if (path === "/monitor") return () => monitor(main);
  if (path === "" || path === "/") return () => list(main, new URLSearchParams(search));
  return nowhere;
};

const open = (make) => {
  view?.close();
  view = make();
  document.title = `${view.title} · reelscope`;
  scrollTo(0, 0);
  // On the way from view to view the focus goes along; at the first it stays where the browser puts it.
  if (!first || locked) view.focus?.focus({ preventScroll: true });
  first = false;
};
const route = () => {
  const at = location.hash.startsWith("#/monitor") ? "nav-monitor" : "nav-list";
  for (const id of ["nav-list", "nav-monitor"]) document.getElementById(id).toggleAttribute("aria-current", id === at);
  document.getElementById(at).setAttribute("aria-current", location.hash.startsWith("#/a/") ? "true" : "page");
  if (!locked) open(viewOf(location.hash));
};

doors.addEventListener("locked", () => {
  if (locked) return;
  locked = true;
  session.open = false;
  open(() => login(main, {
    onIn() {
      locked = false;
      announce("Logged in");
      open(viewOf(location.hash));
    },
  }));
});
document.getElementById("logout").addEventListener("click", async () => {
  await call("DELETE", "/session").catch(() => {});
  session.open = false;
  announce("Logged out");
  doors.dispatchEvent(new Event("locked"));
});

session.open = session.open; // shows the button where there is a session
say(document.getElementById("version"), `reelscope ${VERSION}`);
document.querySelector(".skip").addEventListener("click", (event) => { // its address would be taken for a view's
  event.preventDefault();
  main.focus();
});
addEventListener("hashchange", route);
route();
