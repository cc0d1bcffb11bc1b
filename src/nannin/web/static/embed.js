/* The number in a frame: it watches a page, and is not counted on it. */

const WORDS = {
  en: { one: "{n} person here now", other: "{n} people here now" },
  ja: { other: "いま{n}人が見ています" },
};
const OLD = { en: "may be out of date", ja: "最新ではない場合があります" };
const FORMS = ["zero", "one", "two", "few", "many", "other"];
const MAX_WORDS_CHARACTERS = 200;

// A browser's own reconnecting ends when a proxy answers in the server's place; then this goes on.
const MIN_PAUSE_MS = 5_000;
const MAX_PAUSE_MS = 60_000;

const asked = new URLSearchParams(location.search);
// Words of the address, if it has any: for readers of every language.
const own = Object.fromEntries(FORMS.filter((form) => asked.has(form)).map((form) => [form, asked.get(form).slice(0, MAX_WORDS_CHARACTERS)]));
const isOwn = Object.keys(own).length > 0;
const known = navigator.languages.find((tag) => /^(ja|en)\b/i.test(tag)) ?? "en";
const language = (isOwn ? supported(asked.get("lang")) : /^(ja|en)\b/i.exec(asked.get("lang"))?.[0].toLowerCase()) ?? (isOwn ? undefined : known.slice(0, 2).toLowerCase());
const words = isOwn ? own : WORDS[language];
const figures = new Intl.NumberFormat(language);
const plurals = new Intl.PluralRules(language);
const by = (id) => document.getElementById(id);

/** The tag of a language, if the browser can write its numbers. */
function supported(tag) {
  try {
    return Intl.NumberFormat.supportedLocalesOf(tag ?? [])[0];
  } catch {
    return undefined;
  }
}

/** Shows the count, and whether it may be old; without one, that nobody knows it now. */
function show(count, stale = false) {
  const text = words[plurals.select(count ?? 0)] ?? words.other ?? "{n}";
  const digits = count === undefined ? "–" : (stale ? "≈\xa0" : "") + figures.format(count);
  const [lead, ...rest] = text.split("{n}");
  by("lead").textContent = lead;
  by("number").textContent = rest.length ? digits : "";
  by("tail").textContent = rest.join(digits);
  document.body.dataset.state = count === undefined ? "waiting" : stale ? "stale" : "live";
  by("sentence").title = stale ? (OLD[language?.slice(0, 2)] ?? "") : "";
}

let pauseMs = MIN_PAUSE_MS;

function follow() {
  const page = asked.get("page") ?? "/";
  const stream = new EventSource(`api/stream?page=${encodeURIComponent(page)}`);
  stream.addEventListener("audience", (event) => {
    pauseMs = MIN_PAUSE_MS;
    const { visitors, stale } = JSON.parse(event.data);
    show(visitors, stale);
  });
  stream.addEventListener("error", () => {
    show(undefined);
    if (stream.readyState !== EventSource.CLOSED) return;
    setTimeout(follow, pauseMs * (0.5 + Math.random()));
    pauseMs = Math.min(2 * pauseMs, MAX_PAUSE_MS);
  });
}

// Before the first paint: this script stands in the head.
document.documentElement.lang = language ?? "";
document.documentElement.dataset.theme = ["light", "dark"].includes(asked.get("theme")) ? asked.get("theme") : "auto";

document.addEventListener("DOMContentLoaded", () => {
  if (document.body.dataset.state === "unknown") return; // the server knows of no number for this address
  show(undefined);
  follow();
});
