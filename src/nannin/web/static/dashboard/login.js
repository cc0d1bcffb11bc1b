/* The words of the login, in the reader's language. The form works without. */

import { speak } from "./words.js";

speak();

// Whoever follows a link from another site comes without a strict cookie, and may have one nevertheless.
if (document.body.dataset.state === "asked") {
  fetch("dashboard", { method: "HEAD" }).then(({ ok }) => ok && location.replace(`dashboard${location.hash}`), () => {});
}
