/* The number in a frame: it watches a page, and is not counted on it. */

const WORDS = {
  en: { lead: "", tail: { one: " person here now", other: " people here now" } },
  ja: { lead: "いま", tail: { other: "人が見ています" } },
};

// A browser's own reconnecting ends when a proxy answers in the server's place; then this goes on.
const MIN_PAUSE_MS = 5_000;
const MAX_PAUSE_MS = 60_000;

const asked = new URLSearchParams(location.search);
const known = navigator.languages.find((tag) => /^(ja|en)\b/i.test(tag)) ?? "en";
const language = Object.hasOwn(WORDS, asked.get("lang")) ? asked.get("lang") : known.slice(0, 2).toLowerCase();
const words = WORDS[language];
const figures = new Intl.NumberFormat(language);
const plurals = new Intl.PluralRules(language);
const by = (id) => document.getElementById(id);

/** Shows the count; without one, that nobody knows it now. */
function show(count) {
  by("number").textContent = count === undefined ? "–" : figures.format(count);
  by("tail").textContent = words.tail[plurals.select(count ?? 0)] ?? words.tail.other;
  document.body.dataset.state = count === undefined ? "waiting" : "live";
}

let pauseMs = MIN_PAUSE_MS;

function follow() {
  const page = asked.get("page") ?? "/";
  const stream = new EventSource(`api/stream?page=${encodeURIComponent(page)}`);
  stream.addEventListener("audience", (event) => {
    pauseMs = MIN_PAUSE_MS;
    show(JSON.parse(event.data).visitors);
  });
  stream.addEventListener("error", () => {
    show(undefined);
    if (stream.readyState !== EventSource.CLOSED) return;
    setTimeout(follow, pauseMs * (0.5 + Math.random()));
    pauseMs = Math.min(2 * pauseMs, MAX_PAUSE_MS);
  });
}

// Before the first paint: this script stands in the head.
document.documentElement.lang = language;
document.documentElement.dataset.theme = asked.get("theme") ?? "auto";

document.addEventListener("DOMContentLoaded", () => {
  by("lead").textContent = words.lead;
  show(undefined);
  follow();
});
