/* The counts of all pages, live: one stream of events, and what was told of each page in the last minutes. */

// How long a page's own tail reaches back, and how many changes of it are kept.
export const TAIL_S = 600;
const MAX_CHANGES = 600;
// A page is told of again within this time after the stream begins; what is not told of by then is empty.
const RETOLD_MS = 2_000;
// A browser's own reconnecting ends when a proxy answers in the server's place; then this goes on.
const PAUSE_MS = 5_000;
// The pace of a tab that nobody sees.
const HIDDEN_MS = 2_000;

export const now_s = () => Date.now() / 1000;

/** One page or group: its newest count, and the changes of the last minutes. */
export class Page {
  constructor(key, isGroup) {
    this.key = key;
    this.isGroup = isGroup;
    this.visitors = this.connections = this.visible = 0;
    this.stale = false;
    this.tail = []; // of [seconds, visitors, connections]
  }

  take({ visitors, connections, visible, stale }) {
    this.visitors = visitors;
    this.connections = connections;
    this.visible = visible ?? 0;
    this.stale = stale === true;
    const at_s = now_s();
    this.tail.push([at_s, visitors, connections]);
    // What was on the page when the tail begins is told by the last change before.
    let old = 0;
    while (old + 1 < this.tail.length && (this.tail[old + 1][0] < at_s - TAIL_S || this.tail.length - old > MAX_CHANGES)) old += 1;
    if (old > 64 || this.tail.length > MAX_CHANGES) this.tail.splice(0, old);
  }
}

/** Follows the stream of all pages. */
export class Counts {
  /**
   * @param {URL} api where the API is
   * @param {(changed: Set<Page>) => void} onFrame called once in a frame with the pages that changed
   * @param {(state: string) => void} onState called with "live" or "reconnecting"
   * @param {() => void} onRefused called when the server lets this reader read no more
   */
  constructor(api, onFrame, onState, onRefused) {
    this.api = api;
    this.pages = new Map();
    this.changed = new Set();
    this.waits = false; // for a frame
    this.isTold = false; // of all pages, once
    this.unheard = new Set();
    Object.assign(this, { onFrame, onState, onRefused });
    this.open();
  }

  open() {
    const stream = new EventSource(new URL("stream?page=*", this.api));
    stream.addEventListener("open", () => {
      this.unheard = new Set(this.pages.values());
      setTimeout(() => this.forget(), RETOLD_MS);
      this.onState("live");
    });
    stream.addEventListener("audience", ({ data }) => this.hear(JSON.parse(data)));
    stream.addEventListener("error", () => {
      this.onState("reconnecting");
      if (stream.readyState !== EventSource.CLOSED) return;
      setTimeout(() => this.ask(), PAUSE_MS);
    });
    addEventListener("pagehide", () => stream.close(), { once: true });
  }

  /** Opens the stream again, unless the server says that the reader has to sign in first. */
  async ask() {
    const status = await fetch(new URL("pages?limit=1", this.api)).then((answer) => answer.status, () => 0);
    if (status === 401 || status === 403) this.onRefused();
    else this.open();
  }

  hear(count) {
    let page = this.pages.get(count.page);
    if (!page) this.pages.set(count.page, (page = new Page(count.page, count.group === true)));
    page.take(count);
    this.unheard.delete(page);
    this.changed.add(page);
    this.mark();
  }

  /** Takes the pages for empty that the stream has not told of again since it began. */
  forget() {
    for (const page of this.unheard) {
      page.take({ visitors: 0, connections: 0, visible: 0 });
      this.changed.add(page);
    }
    this.unheard.clear();
    this.isTold = true;
    this.mark();
  }

  mark() {
    if (this.waits) return;
    this.waits = true;
    const show = () => {
      this.waits = false;
      const changed = this.changed;
      this.changed = new Set();
      this.onFrame(changed);
    };
    // A hidden tab has no frames, and its title tells the number nevertheless.
    if (document.hidden) setTimeout(show, HIDDEN_MS);
    else requestAnimationFrame(show);
  }

  /** The sums over all pages, and people as the group of all pages has them, if there is one. */
  totals() {
    const sums = { visitors: 0, connections: 0, visible: 0, pages: 0, stale: false, group: null };
    for (const page of this.pages.values()) {
      if (page.isGroup || !page.connections) continue;
      sums.visitors += page.visitors;
      sums.connections += page.connections;
      sums.visible += page.visible;
      sums.pages += 1;
      sums.stale ||= page.stale;
    }
    const everything = this.pages.get("/*");
    if (everything?.isGroup) Object.assign(sums, { visitors: everything.visitors, visible: everything.visible, group: everything.key });
    return sums;
  }
}
