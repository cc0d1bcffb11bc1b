/* The dashboard: all pages live, and one of them in detail. Looking at it is never counted. */

import { Counts } from "./counts.js";
import { Detail } from "./detail.js";
import { List } from "./list.js";
import { nothing, showHealth, showPeaks, showSnippet, showTop } from "./panels.js";
import { by, digits, speak, words } from "./words.js";

// The panels are brought up to date at this pace, while somebody looks.
const TOP_MS = 15_000;
const PEAKS_MS = 60_000;
const HEALTH_MS = 15_000;
// How the chosen page's number comes about is asked anew so long after it has changed.
const EXPLAIN_MS = 2_000;

const home = new URL("../../", import.meta.url);
const api = new URL("api/", home);

speak();
by("place").textContent = location.host;
by("sign-out").hidden = document.body.dataset.entered !== "cookie";
showSnippet(home);

// The server knows whether the reader still may: its answer to a reload is the login.
const counts = new Counts(api, onFrame, showState, () => location.reload());
const list = new List(counts.pages);
const detail = new Detail(api, counts.pages, keep);
// Whether the reader has chosen the page that is shown.
let isWished = false;

function onFrame(changed) {
  list.update(changed);
  if (changed.size || counts.isTold) showTotals();
  for (const page of changed) {
    if (page.key !== detail.key) continue;
    detail.showCount();
    hasten(explain, EXPLAIN_MS);
    if (detail.isLive && detail.isSliding) detail.draw(true);
  }
  if (!isWished && !counts.pages.get(detail.key)?.connections) setTimeout(chooseFirst);
}

function showState(state) {
  document.body.dataset.state = state;
  by("state-words").textContent = words[state];
}

const shown = new Map();

function write(id, text) {
  if (shown.get(id) === text) return;
  shown.set(id, text);
  by(id).textContent = text;
}

function showTotals() {
  const { visitors, connections, visible, pages, stale, group } = counts.totals();
  const about = stale ? "≈" : "";
  write("total-visitors", about + digits(visitors));
  write("total-connections", about + digits(connections));
  write("total-visible", about + digits(visible));
  write("total-pages", digits(pages));
  write("totals-note", [stale && words.stale, group ? words.grouped(group) : pages > 1 && words.summed].filter(Boolean).join(" "));
  document.title = `${about}${digits(visitors)} · nannin`;
}

/** What the address asks for; the part after # never leaves the browser. */
function asked() {
  const asks = new URLSearchParams(location.hash.slice(1));
  const [from, to] = ["from", "to"].map((name) => Number(asks.get(name)));
  return { page: asks.get("page"), range: asks.get("range") ?? detail.range, span: from && to > from ? [from, to] : null };
}

function follow() {
  const { page, range, span } = asked();
  if (page === null || (page === detail.key && range === detail.range && String(span) === String(rounded(detail.span)))) return;
  const isOther = page !== detail.key;
  isWished = true;
  detail.go(page, range, span);
  list.choose(page);
  hasten(explain, 0);
  // On a narrow screen the chart is below the list.
  if (isOther && shown.size && !isSideBySide()) by("detail").scrollIntoView({ behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
}

const isSideBySide = () => by("detail").getBoundingClientRect().left >= by("pages").getBoundingClientRect().right;
const rounded = (span) => span && span.map(Math.round);

/** Has the address name what is shown, so that it can be kept and passed on. */
function keep() {
  const asks = new URLSearchParams({ page: detail.key, range: detail.range });
  if (detail.span) ["from", "to"].forEach((name, index) => asks.set(name, rounded(detail.span)[index]));
  history.replaceState(null, "", `#${asks}`);
}

/** Without a wish, the page with most people is shown; the group of all pages, if there is one. */
function chooseFirst() {
  if (isWished || counts.pages.get(detail.key)?.connections) return;
  const found = [...counts.pages.values()].filter(({ connections }) => connections > 0);
  const first = found.sort((one, other) => other.isGroup - one.isGroup || other.visitors - one.visitors)[0];
  const key = first?.key ?? detail.key ?? "/";
  if (key === detail.key || !(first || counts.isTold)) return;
  detail.go(key, detail.range);
  list.choose(key);
  hasten(explain, 0);
}

/** What can't be read now is asked for again later. */
function refresh(promise) {
  promise.catch(() => {});
}

const looked = new Map();
const explain = async () => showHealth(api, detail.key ?? "/");

/** Has something done within a time, if that is sooner than its pace would have it. */
function hasten(action, within_ms) {
  const due = looked.get(action);
  if (due) due.at = Math.min(due.at, performance.now() - due.every_ms + within_ms);
}

/** Does something now, and again while somebody looks; at once after a time in which nobody did. */
function repeat(action, every_ms) {
  looked.set(action, { at: -Infinity, every_ms });
}

function look() {
  if (document.hidden) return;
  for (const [action, due] of looked) {
    if (performance.now() - due.at < due.every_ms) continue;
    due.at = performance.now();
    refresh(action());
  }
}

repeat(async () => list.takeTrends(await showTop(api)), TOP_MS);
repeat(() => showPeaks(api, detail.times).catch(() => nothing("peaks", words.peakNone)), PEAKS_MS);
repeat(explain, HEALTH_MS);
setInterval(look, 1_000);
document.addEventListener("visibilitychange", look);
addEventListener("hashchange", follow);
// The part after # is the page's, so the link leads there without it.
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  by("detail").focus();
});
follow();
look();
