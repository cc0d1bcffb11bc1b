/* The words of the login, in the reader's language. The form works without. */

import { by, speak } from "./words.js";

speak();

// A redirect that names no fragment goes on with that of the form's address, so the page and the span are kept.
by("sign-in").addEventListener("submit", ({ target }) => {
  target.action = `dashboard${location.hash}`;
});

// Whoever follows a link from another site comes without a strict cookie, and may have one nevertheless.
if (document.body.dataset.state === "asked") {
  fetch("dashboard", { method: "HEAD" }).then(({ ok }) => ok && location.replace(`dashboard${location.hash}`), () => {});
}
