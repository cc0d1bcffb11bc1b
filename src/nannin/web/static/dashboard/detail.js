/* The page that the reader has chosen: its numbers now, its chart, the same as a table, and its peaks. */

import { Chart } from "./chart.js";
import { TAIL_S, now_s } from "./counts.js";
import { RANGES, Refused, keepsHistory, read, series } from "./history.js";
import { Times, announce, by, digits, inWords, legible, make, meanDigits, words } from "./words.js";

const FIRST_ROWS = 100;
// The newest step of the history grows once a minute.
const REFRESH_MS = 60_000;
const TICK_MS = 1_000;
// A history that can't be read now is asked for again after this time.
const AGAIN_MS = 3_000;
const MIN_LIVE_S = 20;
const MIN_SPAN_S = 600;
const MAX_SPAN_S = 20 * 366 * 86_400;
// How the ends of a span are said, by how long it is at least.
const SPAN_FORMS = [[62 * 86_400, "day"], [86_400, "hour"], [1_800, "minute"], [0, "second"]];
const FORMS = { minute: "minute", hour: "hour", day: "day", month: "month" };

/** Everything about one page. */
export class Detail {
  /**
   * @param {URL} api where the API is
   * @param {Map<string, import("./counts.js").Page>} pages all pages
   * @param {() => void} onMove called when the reader has chosen another span
   */
  constructor(api, pages, onMove) {
    this.api = api;
    this.pages = pages;
    this.onMove = onMove;
    this.key = null;
    this.range = "live10";
    this.span = null; // [from, to], if it is not the range up to now
    this.answer = null; // of the history
    this.before = []; // of the live tail: what the history has of the minutes before it
    this.hasHistory = true; // until the server says otherwise
    this.trouble = "";
    this.times = new Times();
    this.rows = FIRST_ROWS;
    this.chart = new Chart(by("chart"), by("readout"), {
      zoomTo: (from_s, to_s) => this.look(from_s, to_s),
      zoomBy: (factor) => this.zoom(factor),
      reset: () => this.reset(),
    });
    for (const range of Object.keys(RANGES)) {
      const button = make("button", { type: "button", "data-range": range, "aria-pressed": "false" }, words[range]);
      button.addEventListener("click", () => this.go(this.key, range));
      by("ranges").append(button);
    }
    by("closer").addEventListener("click", () => this.zoom(0.5));
    by("wider").addEventListener("click", () => this.zoom(2));
    by("earlier").addEventListener("click", () => this.shift(-0.5));
    by("later").addEventListener("click", () => this.shift(0.5));
    by("whole").addEventListener("click", () => this.reset());
    by("as-table").addEventListener("click", () => this.switchTable());
    by("more-exact").addEventListener("click", () => {
      this.rows += 2 * FIRST_ROWS;
      this.writeTable();
    });
    setInterval(() => this.tick(), TICK_MS);
    setInterval(() => this.isSliding && !document.hidden && this.load(), REFRESH_MS);
  }

  /** Whether the end of what is shown is now. */
  get isSliding() {
    return this.span === null;
  }

  get view() {
    if (this.span) return this.span;
    const to_s = this.range === "live10" ? now_s() : Math.ceil(now_s() / 60) * 60;
    return [to_s - RANGES[this.range], to_s];
  }

  /** Whether the live tail tells all that is shown. */
  get isLive() {
    return this.range === "live10" && this.view[0] >= now_s() - TAIL_S - 1;
  }

  /** Shows a page over a range. */
  go(key, range, span = null) {
    const isNew = key !== this.key;
    if (isNew || range !== this.range) this.chart.put(null);
    Object.assign(this, { key, range: range in RANGES ? range : "live10", span, rows: FIRST_ROWS, trouble: "" });
    if (key === null) return;
    if (isNew) {
      this.answer = null;
      this.before = [];
      by("detail-heading").textContent = legible(key);
      by("page-peaks").replaceChildren();
      this.loadPeaks();
    }
    this.showCount();
    this.load();
    this.draw();
    this.onMove();
  }

  look(from_s, to_s) {
    const least = this.range === "live10" ? MIN_LIVE_S : MIN_SPAN_S;
    const span = Math.min(Math.max(to_s - from_s, least), MAX_SPAN_S);
    const middle = (from_s + to_s) / 2;
    const end = Math.min(middle + span / 2, now_s());
    this.go(this.key, this.range, [end - span, end]);
    this.saySpan();
  }

  zoom(factor) {
    const [from_s, to_s] = this.view;
    const middle = this.chart.middle();
    this.look(middle - (middle - from_s) * factor, middle + (to_s - middle) * factor);
  }

  shift(share) {
    const [from_s, to_s] = this.view;
    const by_s = Math.min((to_s - from_s) * share, now_s() - to_s);
    this.look(from_s + by_s, to_s + by_s);
  }

  reset() {
    this.go(this.key, this.range);
    this.saySpan();
  }

  /** Whoever sees no chart hears what it shows now. */
  saySpan() {
    const [from_s, to_s] = this.view;
    const [, form] = SPAN_FORMS.find(([least_s]) => to_s - from_s >= least_s);
    announce(words.shown(this.times.write(from_s, form), this.times.write(to_s, form)));
  }

  /** The page's count has changed. */
  showCount() {
    const page = this.pages.get(this.key);
    const people = inWords(words.persons, page?.visitors ?? 0);
    by("detail-count").textContent = `${page?.stale ? "≈ " : ""}${people}${words.comma}${inWords(words.tabs, page?.connections ?? 0)}`;
  }

  tick() {
    if (document.hidden || this.key === null || !this.isLive || !this.isSliding) return;
    this.draw(true);
  }

  async load() {
    this.asking?.abort();
    const asking = (this.asking = new AbortController());
    const { key, isLive } = this;
    const [from_s, to_s] = isLive ? [now_s() - TAIL_S, now_s()] : this.view;
    if (!this.hasHistory) return;
    try {
      const answer = await series(this.api, key, from_s, to_s, asking.signal);
      if (asking.signal.aborted) return;
      if (answer.zone !== this.times.zone) this.times = new Times(answer.zone);
      if (isLive) this.before = answer.points;
      else this.answer = answer;
      this.trouble = "";
    } catch (error) {
      if (asking.signal.aborted) return;
      clearTimeout(this.again);
      if (error instanceof Refused && error.status === 503) this.again = setTimeout(() => this.load(), AGAIN_MS);
      // Either the page is unknown, or all history is.
      if (error instanceof Refused && error.status === 404 && !(await keepsHistory(this.api))) this.hasHistory = false;
      else this.trouble = error.message;
    }
    this.draw(true);
  }

  async loadPeaks() {
    const { key } = this;
    const { peaks } = await read(this.api, "peaks", { page: key }).catch(() => ({ peaks: [] }));
    if (key !== this.key) return;
    const known = Object.keys(words.peak).flatMap((name) => peaks.filter(({ metric }) => metric === name).slice(0, 1));
    by("page-peaks").replaceChildren(
      ...known.map(({ metric, value, at_ms }) =>
        make("div", {}, make("dt", {}, words.peak[metric]), make("dd", {}, make("strong", {}, digits(value)), " ", make("span", { class: "quiet" }, this.times.write(at_ms / 1000, "moment")))),
      ),
    );
  }

  /** The points that are shown. */
  points() {
    const [from_s, to_s] = this.view;
    if (!this.isLive && this.hasHistory) return (this.answer?.points ?? []).filter(({ start, end }) => end > from_s && start < to_s);
    const tail = this.pages.get(this.key)?.tail ?? [];
    const begins = tail[0]?.[0] ?? now_s();
    const points = this.before.filter(({ start, visitors }) => visitors && start < begins).map((point) => ({ ...point, end: Math.min(point.end, begins) }));
    tail.forEach(([start, visitors, connections], index) => {
      const end = tail[index + 1]?.[0] ?? now_s();
      points.push({ start, end, visitors: { least: visitors, greatest: visitors }, connections: { least: connections, greatest: connections } });
    });
    return points.filter(({ start, end }) => end >= from_s && start <= to_s);
  }

  draw(isSame = false) {
    const [from_s, to_s] = this.view;
    const points = this.points();
    this.form = this.isLive || !this.hasHistory ? "second" : FORMS[this.answer?.step] ?? "minute";
    this.chart.show({ points, from_s, to_s, times: this.times, form: this.form });
    const name = words.chartOf(legible(this.key), words[this.range]);
    by("chart").setAttribute("aria-label", name);
    for (const button of by("ranges").children) button.setAttribute("aria-pressed", String(button.dataset.range === this.range));
    for (const button of by("ranges").children) button.disabled = !this.hasHistory && button.dataset.range !== "live10";
    by("whole").disabled = this.span === null;
    by("later").disabled = to_s >= now_s() - 1;
    by("earlier").disabled = !this.hasHistory;
    const notes = [this.trouble && words.failed(this.trouble), !this.hasHistory && words.noHistory, words.times(this.times.zone), !globalThis.uPlot && words.noCharts];
    write(by("chart-note"), notes.filter(Boolean).join(" "));
    if (!by("table-frame").hidden && !(isSame && this.isLive && this.drawnAt > now_s() - 2)) this.writeTable();
  }

  switchTable() {
    const isShown = by("table-frame").hidden;
    by("table-frame").hidden = !isShown;
    by("as-table").setAttribute("aria-pressed", String(isShown));
    if (isShown) this.writeTable();
  }

  writeTable() {
    this.drawnAt = now_s();
    const points = this.points().reverse();
    const all = points.length;
    by("table-caption").textContent = words.tableOf(legible(this.key), words[this.range]);
    by("exact-rows").replaceChildren(...points.slice(0, this.rows).map((point) => this.row(point)));
    by("more-exact").hidden = all <= this.rows;
    by("more-exact").textContent = words.more(Math.min(all - this.rows, 2 * FIRST_ROWS));
  }

  row(point) {
    const cells = [point.visitors, point.connections].flatMap((summary) =>
      summary ? [digits(summary.least), summary.mean == null ? digits(summary.greatest) : meanDigits(summary.mean), digits(summary.greatest)] : ["–", "–", "–"],
    );
    return make(
      "tr",
      { class: point.visitors ? null : "gap" },
      make("th", { scope: "row" }, this.times.write(point.start, this.form)),
      ...cells.map((cell) => make("td", {}, cell)),
      make("td", {}, point.joins == null || !point.visitors ? "–" : digits(point.joins)),
    );
  }
}

function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
