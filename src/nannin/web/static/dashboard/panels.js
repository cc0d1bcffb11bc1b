/* The panels below the chart: top pages, peaks, the server's health, who was turned away, and the tag. */

import { read } from "./history.js";
import { announce, by, digits, duration, inWords, legible, make, tenths, words } from "./words.js";

const SHOWN = 8;
const COPIED_MS = 2_000;
const ARROWS = { rising: "↗", falling: "↘", steady: "→", new: "+" };

const linkTo = (key) => make("a", { href: `#${new URLSearchParams({ page: key })}`, translate: "no", title: key }, legible(key));

/** The pages with most people now, and whether they become more or fewer. Returns them, for the list. */
export async function showTop(api) {
  const { pages } = await read(api, "top", { limit: 100 });
  by("moving").replaceChildren(
    ...pages.slice(0, SHOWN).map(({ page, visitors, trend, before }) =>
      make(
        "li",
        { "data-trend": trend },
        linkTo(page),
        make("span", { class: "quiet small" }, trend === "rising" || trend === "falling" ? words.trendSince(words[trend], digits(Math.round(before))) : (words[trend] ?? "")),
        make("strong", {}, make("span", { class: "arrow", "aria-hidden": "true" }, ARROWS[trend] ?? ""), digits(visitors)),
      ),
    ),
  );
  if (!pages.length) by("moving").replaceChildren(make("li", { class: "quiet" }, words.nobody));
  return pages;
}

/** The highest numbers of all pages, with their moments. */
export async function showPeaks(api, times) {
  const { peaks: highest } = await read(api, "peaks", { metric: "visitors", limit: SHOWN });
  by("peaks").replaceChildren(
    ...highest.map(({ page, value, at_ms }) => make("li", {}, linkTo(page), make("span", { class: "quiet small" }, times.write(at_ms / 1000, "moment")), make("strong", {}, digits(value)))),
  );
  if (!highest.length) nothing("peaks", words.peakNone);
}

export function nothing(id, text) {
  const name = by(id).matches("dl") ? "div" : "li";
  by(id).replaceChildren(make(name, { class: "quiet" }, text));
}

/** Whether the server lets clients in, how its processes are, how the chosen page's number comes about, and refusals. */
export async function showHealth(api, key) {
  const ready = fetch(new URL("../readyz", api)).then(async (answer) => (answer.ok ? "" : words.unready(await answer.text())), () => words.unreachable);
  // Each is shown as soon as it comes: one that is slow holds up no other.
  await Promise.allSettled([
    ready.then(showReady),
    read(api, "processes").then(({ processes }) => showProcesses(processes)),
    read(api, "explain", { page: key }).then((explained) => {
      by("explained").replaceChildren(...howInWords(explained));
      showRefused(explained.not_counted.refused_since_start);
    }),
  ]);
}

function showReady(trouble) {
  by("ready").dataset.well = String(!trouble);
  by("ready").replaceChildren(make("span", { class: "sign", "aria-hidden": "true" }), trouble || words.ready);
}

// What was heard of each process's lateness, to show that of the time since then.
const heard = new Map();
// Seconds for which the history may wait to be written.
const LATE_S = 120;

function showProcesses(processes) {
  const columns = ["node", "connections", "delay", "memory", "runs", "condition"];
  const head = make("thead", {}, make("tr", {}, ...columns.map((name) => make("th", { scope: "col" }, words[name]))));
  const all = Math.max(processes.length, ...processes.map(({ nodes }) => nodes ?? 0));
  const caption = make("caption", { class: "quiet" }, words.processes(digits(processes.length), digits(all)));
  by("processes").hidden = !processes.length;
  by("processes").replaceChildren(make("table", { class: "nodes" }, caption, head, make("tbody", {}, ...processes.map(process))));
}

function process({ process: name, answers, ready, connections, loop_late: late, memory_bytes: memory, started_unix_s: started, stale, history_lag_s: lag_s }) {
  const condition = !answers ? "silent" : ready === false ? "stopping" : stale ? "old" : lag_s > LATE_S ? "behind" : "well";
  const before = heard.get(name) ?? { times: 0, sum_s: 0 };
  const times = answers ? late.times - before.times : 0;
  const delay_ms = times > 0 ? ((late.sum_s - before.sum_s) / times) * 1000 : null;
  if (answers) heard.set(name, late);
  const cell = (value, write) => make("td", {}, value == null ? "–" : write(value));
  return make(
    "tr",
    {},
    make("th", { scope: "row", translate: "no" }, name),
    cell(connections, digits),
    cell(delay_ms, (value) => words.milliseconds(tenths(Math.max(0, value)))),
    cell(memory, (value) => words.megabytes(digits(Math.round(value / 1e6)))),
    cell(started, (value) => duration(Math.max(0, Date.now() / 1000 - value))),
    make("td", { "data-well": String(condition === "well") }, words.conditions[condition]),
  );
}

// How often in a row a process's recount has differed. While somebody is on the way in, it may: that is no finding yet.
const differing = new Map();
const FINDING = 3;

function isFinding(node, agrees) {
  const times = agrees ? 0 : (differing.get(node) ?? 0) + 1;
  differing.set(node, times);
  return times >= FINDING;
}

function howInWords({ page, breakdown, not_counted: others, errors_since_start: errors, nodes, nodes_without_answer: silent }) {
  const facts = [
    words.transports(digits(breakdown.transports.websocket ?? 0), digits(breakdown.transports.polling ?? 0)),
    breakdown.in_grace > 0 && inWords(words.inGrace, breakdown.in_grace),
    others.observers > 0 && inWords(words.observers, others.observers),
    others.crawler_sessions_since_start > 0 && inWords(words.crawlers, others.crawler_sessions_since_start),
    errors > 0 && inWords(words.errors, errors),
    silent > 0 && inWords(words.silent, silent),
  ];
  const list = make("ul", { class: "facts" }, ...facts.filter(Boolean).map((fact) => make("li", {}, fact)));
  const table =
    nodes &&
    make(
      "table",
      { class: "nodes" },
      make("thead", {}, make("tr", {}, ...["node", "nodeLive", "nodeGrace", "nodeAgrees"].map((name) => make("th", { scope: "col" }, words[name])))),
      make(
        "tbody",
        {},
        ...nodes.map(({ node, live_connections: live, in_grace: grace, agrees }) => {
          const isWell = !isFinding(node, agrees);
          return make("tr", {}, make("th", { scope: "row", translate: "no" }, node), make("td", {}, digits(live)), make("td", {}, digits(grace)), make("td", { "data-well": String(isWell) }, isWell ? words.agrees : words.differs));
        }),
      ),
    );
  return [make("h3", {}, words.how(legible(page))), list, table].filter(Boolean);
}

function showRefused(tally) {
  const reasons = Object.entries(tally)
    .filter(([, number]) => number > 0)
    .sort(([, one], [, other]) => other - one);
  by("refused").replaceChildren(...reasons.map(([reason, number]) => make("div", {}, make("dt", {}, words.reasons[reason] ?? reason), make("dd", {}, digits(number)))));
  if (!reasons.length) by("refused").replaceChildren(make("div", {}, make("dt", { class: "quiet" }, words.refusedNone), make("dd", { class: "unseen" }, "0")));
}

/** The tag with this server's own address. */
export function showSnippet(home) {
  by("snippet").textContent = `<script async src="${new URL("nannin.js", home)}"></script>\n${words.element}`;
  // Browsers keep pages of the internet from a server of the reader's own machine.
  by("embed-hint").textContent = /^(localhost|127\..*|\[::1\])$/.test(home.hostname) ? words.here : words.elsewhere;
  by("copy").addEventListener("click", copy);
}

async function copy() {
  try {
    await navigator.clipboard.writeText(by("snippet").textContent);
  } catch {
    getSelection().selectAllChildren(by("snippet"));
    if (!document.execCommand("copy")) return;
  }
  by("copy").textContent = words.copied;
  announce(words.copied);
  setTimeout(() => (by("copy").textContent = words.copy), COPIED_MS);
}

