/* The list of all pages: found, sorted, and brought up to date once in a frame. */

import { announce, by, digits, inWords, legible, make, words } from "./words.js";

// How many rows are made at first, and with each press of the button.
const FIRST = 100;
// How many new rows a frame makes at most: some 5 ms.
const NEW_AT_ONCE = 25;
// Rows change places at most this often, so that a reader can read.
const SORT_MS = 1_000;
const ARROWS = { rising: "↗", falling: "↘", steady: "→", new: "+" };

/** One page's row. It writes to the document only what has changed. */
class Row {
  constructor(page) {
    this.page = page;
    this.link = make("a", { href: `#${new URLSearchParams({ page: page.key })}`, translate: "no", title: page.key }, legible(page.key));
    this.visitors = document.createTextNode("");
    this.connections = document.createTextNode("");
    this.trend = make("span", { "aria-hidden": "true" });
    this.trendWords = make("span", { class: "unseen" });
    this.element = make(
      "tr",
      { role: "row", class: page.isGroup ? "group" : null },
      make("th", { role: "rowheader", scope: "row" }, this.link),
      make("td", { role: "cell", class: "number" }, this.visitors),
      make("td", { role: "cell", class: "number" }, this.connections),
      make("td", { role: "cell", class: "trend" }, this.trend, this.trendWords),
    );
  }

  show(most, trend) {
    const { visitors, connections, stale } = this.page;
    write(this.visitors, `${stale ? "≈" : ""}${digits(visitors)}`);
    write(this.connections, digits(connections));
    const share = most ? Math.round((visitors / most) * 1000) / 10 : 0;
    if (share !== this.share) this.element.style.setProperty("--share", `${(this.share = share)}%`);
    if (trend !== this.told) {
      this.told = trend;
      this.trend.textContent = ARROWS[trend] ?? "";
      this.trendWords.textContent = words[trend] ?? "";
      this.element.dataset.trend = trend ?? "";
    }
  }
}

function write(node, text) {
  if (node.data !== text) node.data = text;
}

/** The list. */
export class List {
  constructor(pages) {
    this.pages = pages; // a Map by key
    this.rows = new Map();
    this.trends = new Map();
    this.column = "visitors";
    this.isDown = true;
    this.text = "";
    this.limit = FIRST;
    this.chosen = null;
    this.isOld = false; // whether the order may be wrong
    this.timer = 0;
    for (const header of document.querySelectorAll("[data-sort]")) {
      header.querySelector("button").addEventListener("click", () => this.sortBy(header.dataset.sort));
    }
    by("search").addEventListener("input", () => this.find(by("search").value));
    by("more").addEventListener("click", () => {
      this.limit += 2 * FIRST;
      this.arrange();
    });
    this.tellOrder();
  }

  sortBy(column) {
    this.isDown = column === this.column ? !this.isDown : column !== "page";
    this.column = column;
    this.tellOrder();
    this.arrange();
    announce(words.sortedBy(document.querySelector(`[data-sort="${column}"]`).textContent, this.isDown));
  }

  tellOrder() {
    for (const header of document.querySelectorAll("[data-sort]")) {
      if (header.dataset.sort !== this.column) header.removeAttribute("aria-sort");
      else header.setAttribute("aria-sort", this.isDown ? "descending" : "ascending");
    }
  }

  find(text) {
    this.text = text.trim().toLowerCase();
    this.limit = FIRST;
    this.arrange();
    if (this.text) announce(inWords(words.foundSpoken, this.found));
  }

  choose(key) {
    this.rows.get(this.chosen)?.link.removeAttribute("aria-current");
    this.chosen = key;
    this.rows.get(key)?.link.setAttribute("aria-current", "true");
  }

  /** Some pages have changed: their rows show it now, and change places soon. */
  update(changed) {
    for (const page of changed) this.rows.get(page.key)?.show(this.most, this.trends.get(page.key));
    this.isOld = true;
    if (!this.rows.size) this.arrange();
    else if (!this.timer) this.timer = setTimeout(() => this.arrangeIfIdle(), SORT_MS);
  }

  /** Puts the rows in order, unless the reader is about to press one. */
  arrangeIfIdle() {
    this.timer = 0;
    const rows = by("rows");
    const isHeld = rows.matches(":hover") || (rows.contains(document.activeElement) && document.activeElement.matches(":focus-visible"));
    if (isHeld) this.timer = setTimeout(() => this.arrangeIfIdle(), SORT_MS);
    else if (this.isOld) requestAnimationFrame(() => this.arrange());
  }

  arrange() {
    this.isOld = false;
    const all = [...this.pages.values()].filter((page) => page.connections > 0 || page.isGroup || page.key === this.chosen);
    const found = this.text ? all.filter(({ key }) => key.toLowerCase().includes(this.text) || legible(key).toLowerCase().includes(this.text)) : all;
    const sign = this.isDown ? -1 : 1;
    const column = this.column;
    const byKey = (one, other) => (one.key < other.key ? -1 : 1);
    found.sort((one, other) => other.isGroup - one.isGroup || (column === "page" ? sign * byKey(one, other) : sign * (one[column] - other[column]) || byKey(one, other)));
    this.found = found.length;
    this.most = found.reduce((most, page) => (page.isGroup ? most : Math.max(most, page.visitors)), 0);
    this.place(found.slice(0, this.limit));
    const hidden = found.length - this.limit;
    by("more").hidden = hidden <= 0;
    by("more").textContent = hidden > 0 ? words.more(Math.min(hidden, 2 * FIRST)) : "";
    by("found").textContent = words.found(found.length, all.length);
    by("nobody").hidden = found.length > 0;
    by("nobody").textContent = found.length ? "" : all.length ? words.noMatch : words.nobody;
  }

  /** Has the document show these rows in this order, and moves only those that are elsewhere. */
  place(pages) {
    const body = by("rows");
    const kept = new Set(pages.map(({ key }) => key));
    for (const [key, row] of this.rows) {
      if (kept.has(key)) continue;
      row.element.remove();
      this.rows.delete(key);
    }
    let next = body.firstElementChild;
    let made = 0;
    for (const page of pages) {
      let row = this.rows.get(page.key);
      if (!row) {
        if ((made += 1) > NEW_AT_ONCE) {
          requestAnimationFrame(() => this.arrange());
          return;
        }
        this.rows.set(page.key, (row = new Row(page)));
        if (page.key === this.chosen) row.link.setAttribute("aria-current", "true");
      }
      row.show(this.most, this.trends.get(page.key));
      if (row.element === next) next = next.nextElementSibling;
      else body.insertBefore(row.element, next);
    }
  }

  takeTrends(top) {
    this.trends = new Map(top.map(({ page, trend }) => [page, trend]));
    for (const row of this.rows.values()) row.show(this.most, this.trends.get(row.page.key));
  }
}
