/* One page's chart: drawn by uPlot where it is installed, else as a spark line; the cursor and its words are ours. */

import { Times, announce, digits, inWords, meanDigits, percentDigits, words } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";
const PAGE_STEPS = 10;
const MIN_DRAG_PX = 6;
const DAY_S = 86_400;
const JUST_BEFORE_S = 0.001;

/**
 * A point is { start, end, visitors, connections, joins, covered_ms, gap }, where visitors and connections are
 * { least, mean, greatest } or null where nothing was recorded, in Unix seconds; a point of the live tail has no mean.
 */
export class Chart {
  /**
   * @param {HTMLElement} frame gets the drawing, the focus and the keys
   * @param {HTMLElement} readout gets the exact values under the cursor
   * @param {{ zoomTo: Function, zoomBy: Function, reset: Function }} wishes what the reader asks for
   */
  constructor(frame, readout, wishes) {
    this.frame = frame;
    this.readout = readout;
    this.wishes = wishes;
    this.points = [];
    this.index = null; // of the point under the cursor; null: the newest that was recorded
    this.at_s = null; // the moment of the cursor, which stays while other points are shown
    this.times = new Times();
    this.drawing = null;
    frame.addEventListener("keydown", (event) => this.press(event));
    frame.addEventListener("focus", () => this.say());
    new ResizeObserver(() => this.resize()).observe(frame);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.redraw());
  }

  /** Shows points between two times. With `form`, an instant or a step is written as `Times` writes it. */
  show({ points, from_s, to_s, times, form }) {
    Object.assign(this, { points, from_s, to_s, times, form });
    this.index = this.at_s === null || !points.length ? null : indexAt(points, this.at_s);
    if (this.drawing?.zone === times.zone) this.drawing.show(this);
    else this.redraw();
    this.tell();
  }

  redraw() {
    this.drawing?.destroy();
    this.drawing = globalThis.uPlot ? new Plot(this) : new Spark(this);
    this.drawing.show(this);
  }

  resize() {
    this.drawing?.resize();
  }

  /** The reader points at a place; null: at none. */
  pointAt(index) {
    if (index === this.index) return;
    this.put(index);
    this.tell();
  }

  /** Puts the cursor on a point; null: on the newest. */
  put(index) {
    this.index = index;
    this.at_s = index === null ? null : this.points[index].start;
  }

  /** The newest point that was recorded: the last minute is on its way. */
  newest() {
    const found = this.points.findLastIndex(({ visitors }) => visitors);
    return found < 0 ? this.points.length - 1 : found;
  }

  press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const last = this.points.length - 1;
    const now = this.index ?? this.newest();
    const step = event.shiftKey ? PAGE_STEPS : 1;
    const places = { ArrowLeft: now - step, ArrowRight: now + step, PageUp: now - PAGE_STEPS, PageDown: now + PAGE_STEPS, Home: 0, End: this.newest() };
    const wishes = { "+": () => this.wishes.zoomBy(0.5), "=": () => this.wishes.zoomBy(0.5), "-": () => this.wishes.zoomBy(2), Escape: () => this.wishes.reset(), 0: () => this.wishes.reset() };
    if (event.key in places) {
      if (last >= 0) {
        this.put(Math.min(Math.max(places[event.key], 0), last));
        this.drawing?.moveCursor(this.index);
        this.tell();
        this.say();
      }
    } else if (event.key in wishes) {
      if (last >= 0) this.put(now);
      wishes[event.key]();
    } else {
      return;
    }
    event.preventDefault();
  }

  /** The time in the middle of a zoom: the cursor's, else the middle of what is shown. */
  middle() {
    const point = this.index === null ? null : this.points[this.index];
    return point ? (point.start + point.end) / 2 : (this.from_s + this.to_s) / 2;
  }

  say() {
    announce(this.text());
  }

  tell() {
    this.readout.textContent = this.text();
  }

  /** What is exact about the point under the cursor, in words. */
  text() {
    const point = this.points[this.index ?? this.newest()];
    return point ? pointInWords(point, this.times, this.form) : words.nothing;
  }
}

/** One point in words. */
export function pointInWords(point, times, form) {
  const when = times.write(point.start, form);
  if (!point.visitors) return `${when}: ${words.gap}`;
  const parts = [inPeople(words.persons, point.visitors), inPeople(words.tabs, point.connections)];
  if (point.joins != null) parts.push(inWords(words.joined, point.joins));
  // The newest step has yet to end.
  const span_ms = Math.min(point.end * 1000, Date.now()) - point.start * 1000;
  if (point.gap && span_ms > 0) parts.push(words.partly(percentDigits(point.covered_ms / span_ms)));
  return `${when}: ${parts.join(words.comma)}`;
}

function inPeople(forms, { least, mean, greatest }) {
  if (mean == null || least === greatest) return inWords(forms, greatest);
  return inWords(forms, greatest).replace(digits(greatest), words.between(digits(least), digits(greatest))) + words.meanOf(meanDigits(mean));
}

/** The last point that begins at or before a time. */
export function indexAt(points, at_s) {
  let low = 0;
  let high = points.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (points[middle].start <= at_s) low = middle + 1;
    else high = middle;
  }
  return Math.max(low - 1, 0);
}

/** The columns of a drawing: times, people (mean, most, least) and connections. A step before a gap gets its end. */
function columns(points) {
  const closed = points.flatMap((point, index) => {
    const isLast = point.visitors && !points[index + 1]?.visitors;
    return isLast ? [point, { ...point, start: Math.max(point.start, point.end - JUST_BEFORE_S) }] : [point];
  });
  const column = (of) => closed.map((point) => (point.visitors ? of(point) : null));
  return [
    closed.map(({ start }) => start),
    column(({ visitors }) => visitors.mean ?? visitors.greatest),
    column(({ visitors }) => visitors.greatest),
    column(({ visitors }) => visitors.least),
    column(({ connections }) => connections.mean ?? connections.greatest),
  ];
}

/** A drawing by uPlot. */
class Plot {
  constructor(chart) {
    this.chart = chart;
    this.zone = chart.times.zone;
    const style = getComputedStyle(chart.frame);
    const colour = (name) => style.getPropertyValue(name).trim();
    const uPlot = globalThis.uPlot;
    const paths = uPlot.paths.stepped({ align: 1 });
    const font = `12px ${style.fontFamily}`;
    const axis = { stroke: colour("--quiet"), font, ticks: { show: false }, grid: { stroke: colour("--line"), width: 1 } };
    this.plot = new uPlot(
      {
        ...this.size(),
        tzDate: (at_s) => uPlot.tzDate(new Date(at_s * 1000), this.zone),
        legend: { show: false },
        padding: [8, 8, 0, 0],
        cursor: {
          y: false,
          drag: { x: true, y: false, setScale: false },
          dataIdx: () => chart.index ?? chart.newest(),
          points: { size: 7, width: 2, show: true },
        },
        scales: {
          x: { range: () => [chart.from_s, chart.to_s] },
          y: { range: (_plot, _least, most) => [0, Math.max(5, (most ?? 0) * 1.08)] },
        },
        axes: [
          { ...axis, grid: { show: false }, space: 64, size: 28, values: (_plot, splits, _axis, _space, step_s) => this.label(splits, step_s) },
          { ...axis, size: 48, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6], values: (_plot, splits) => splits.map(digits) },
        ],
        series: [
          {},
          { stroke: colour("--people"), width: 2, paths, points: { show: false } },
          { stroke: "transparent", width: 0, paths, points: { show: false } },
          { stroke: "transparent", width: 0, paths, points: { show: false } },
          { stroke: colour("--connections"), width: 1.5, dash: [4, 3], paths, points: { show: false } },
        ],
        bands: [{ series: [2, 3], fill: colour("--band") }],
        hooks: { setSelect: [(plot) => this.select(plot)] },
      },
      columns(chart.points),
      chart.frame,
    );
    // Before the drawing hears of it: its cursor shows the point that was found here.
    const { over } = this.plot;
    over.addEventListener("pointermove", ({ clientX }) => this.hover(clientX - over.getBoundingClientRect().left));
    over.addEventListener("pointerleave", () => chart.pointAt(null));
  }

  size() {
    return { width: Math.max(200, this.chart.frame.clientWidth), height: Math.max(140, this.chart.frame.clientHeight) };
  }

  label(splits, step_s) {
    const { times } = this.chart;
    const form = step_s < 60 ? "second" : step_s < DAY_S ? "clock" : step_s < 27 * DAY_S ? "date" : "month";
    return splits.map((at_s) => times.write(at_s, form === "clock" && this.isMidnight(at_s) ? "date" : form));
  }

  isMidnight(at_s) {
    const local = globalThis.uPlot.tzDate(new Date(at_s * 1000), this.zone);
    return local.getHours() === 0 && local.getMinutes() === 0;
  }

  select(plot) {
    const { left, width } = plot.select;
    if (width < MIN_DRAG_PX) return;
    plot.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
    this.chart.wishes.zoomTo(plot.posToVal(left, "x"), plot.posToVal(left + width, "x"));
  }

  hover(left) {
    const { chart, plot } = this;
    chart.pointAt(chart.points.length ? indexAt(chart.points, plot.posToVal(left, "x")) : null);
  }

  show(chart) {
    this.plot.setData(columns(chart.points));
    // uPlot has its new scale in the next microtask, and the cursor's place is one on that scale.
    queueMicrotask(() => chart.drawing === this && chart.index !== null && document.activeElement === chart.frame && this.moveCursor(chart.index));
  }

  moveCursor(index) {
    const left = this.plot.valToPos(this.chart.points[index].start, "x");
    this.plot.setCursor({ left: Math.max(0, left), top: 1 });
  }

  resize() {
    this.plot.setSize(this.size());
  }

  destroy() {
    this.plot.destroy();
  }
}

const WIDTH = 1_000;
const HEIGHT = 240;

/** A drawing without uPlot: lines of people and connections, and a cursor. */
class Spark {
  constructor(chart) {
    this.chart = chart;
    this.zone = chart.times.zone;
    this.svg = draw("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", class: "spark", "aria-hidden": "true" });
    this.connections = draw("path", { class: "connections" });
    this.people = draw("path", { class: "people" });
    this.cursor = draw("path", { class: "cursor" });
    this.svg.append(this.connections, this.people, this.cursor);
    this.svg.addEventListener("pointermove", ({ clientX }) => {
      const box = this.svg.getBoundingClientRect();
      const at_s = chart.from_s + ((clientX - box.left) / box.width) * (chart.to_s - chart.from_s);
      if (!chart.points.length) return;
      chart.pointAt(indexAt(chart.points, at_s));
      this.moveCursor(chart.index);
    });
    this.svg.addEventListener("pointerleave", () => {
      chart.pointAt(null);
      this.cursor.setAttribute("d", "");
    });
    chart.frame.append(this.svg);
  }

  x(at_s) {
    const { from_s, to_s } = this.chart;
    return (((at_s - from_s) / (to_s - from_s)) * WIDTH).toFixed(1);
  }

  show(chart) {
    const [starts, people, , , connections] = columns(chart.points);
    const most = Math.max(5, ...people, ...connections) * 1.05;
    const path = (values) => {
      let drawn = "";
      let before = null;
      values.forEach((value, index) => {
        const y = value === null ? null : (HEIGHT - (value / most) * HEIGHT).toFixed(1);
        const x = this.x(starts[index]);
        if (y !== null) drawn += before === null ? `M${x} ${y}` : `H${x}V${y}`;
        before = y;
      });
      return drawn;
    };
    this.people.setAttribute("d", path(people));
    this.connections.setAttribute("d", path(connections));
    if (chart.index !== null) this.moveCursor(chart.index);
  }

  moveCursor(index) {
    this.cursor.setAttribute("d", `M${this.x(this.chart.points[index].start)} 0V${HEIGHT}`);
  }

  resize() {}

  destroy() {
    this.svg.remove();
  }
}

function draw(name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}
