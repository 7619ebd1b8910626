// What views share while the page is open: whether the server is there, which list was looked at last, who is logged in.

import { say, show } from "/assets/dom.js";

const LOGGED = "reelscope.logged-in"; // that there is a session, not what it is: the cookie is not for scripts

export const remembered = { list: "#/" };

// Said once at the top, however many calls fail.
const gone = new Set();
export const connection = (who, there) => {
  there ? gone.delete(who) : gone.add(who);
  const place = document.getElementById("lost");
  show(place, gone.size > 0);
  say(place, gone.size > 0 ? "Connection lost, trying again …" : "");
};

export const session = {
  get open() {
    try {
      return localStorage.getItem(LOGGED) === "yes";
    } catch {
      return false;
    }
  },
  set open(is) {
    try {
      is ? localStorage.setItem(LOGGED, "yes") : localStorage.removeItem(LOGGED);
    } catch { /* a browser that keeps nothing */ }
    show(document.getElementById("logout"), is);
  },
};
