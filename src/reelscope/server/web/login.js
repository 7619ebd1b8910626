// Asks for the access token and makes a session of it; the token itself is not kept here.

import { ApiError, call } from "/assets/api.js";
import { fromTemplate, say } from "/assets/dom.js";
import { session } from "/assets/state.js";

export const login = (main, { onIn }) => {
  const { root, refs } = fromTemplate("t-login");
  const wrong = (text) => {
    say(refs.wrong, text);
    refs.token.toggleAttribute("aria-invalid", Boolean(text));
    if (text) refs.token.setAttribute("aria-invalid", "true");
  };
  refs.token.addEventListener("input", () => wrong(""));
  refs.form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const token = refs.token.value.trim();
    if (!token) {
      wrong("Paste the token first.");
      refs.token.focus();
      return;
    }
    refs.go.setAttribute("aria-disabled", "true");
    try {
      await call("POST", "/session", { json: { token } });
      refs.token.value = "";
      session.open = true;
      onIn();
    } catch (error) {
      const known = error instanceof ApiError ? error : { message: "It did not work" };
      wrong([known.message, known.hint].filter(Boolean).join(". "));
      refs.token.select();
    } finally {
      refs.go.removeAttribute("aria-disabled");
    }
  });
  main.replaceChildren(root);
  return { title: "Log in", focus: refs.token, close() {} };
};
