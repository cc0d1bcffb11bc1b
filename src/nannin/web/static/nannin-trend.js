// Draws the last hour as a line, in elements with data-nannin-show="trend". nannin.js loads it where there is one.
// docs/embed.md
const own = Symbol();

// By page and number: the most at once in each of the last 60 minutes, the running one last; null where nobody knows.
const hours = {};

const begin = (page, which) => {
  const hour = { minutes: Array(60).fill(null) };
  fetch(new URL("api/trend?page=" + encodeURIComponent(page), import.meta.url))
    .then((answer) => answer.json())
    .then((told) => {
      hour.minutes = told[which] ?? hour.minutes;
      redraw();
    })
    .catch(() => {});
  return hour;
};

const redraw = () => {
  for (const element of document.querySelectorAll("[data-nannin-show=trend]")) draw(element, element[own]?.count);
};

setInterval(() => {
  for (const key in hours) {
    const { minutes, now } = hours[key];
    minutes.shift();
    minutes.push(now);
  }
  redraw();
}, 6e4);

const make = (name, attributes, ...children) => {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const key in attributes) node.setAttribute(key, attributes[key]);
  node.append(...children);
  return node;
};

export const draw = (element, count) => {
  const { nannin, nanninShow, nanninMin, nanninMax, nanninLabel } = element.dataset;
  if (nanninShow != "trend") throw "unknown data-nannin-show " + nanninShow;
  const which = /^(connections|visible)$/.test(nannin) ? nannin : "visitors";
  const state = (element[own] ??= { content: [...element.childNodes] });
  state.count = count;
  element.toggleAttribute("data-nannin-stale", !!count?.stale);
  if (!count) delete hours[state.key];
  const now = count?.[which];
  if (!(now >= (+nanninMin || 0))) {
    if (state.svg) element.replaceChildren(...state.content);
    state.svg = "";
    return;
  }
  state.key = which + count.page;
  const hour = (hours[state.key] ??= begin(count.page, which)), { minutes } = hour;
  hour.now = now;
  minutes[59] = Math.max(minutes[59], now);

  const most = Math.max(...minutes);
  const at = (number, i) => i + " " + (10 - (number / most || 0) * 9).toFixed(1);
  // A minute alone is no gap: the one before the running one may not be written yet.
  const line = minutes.map((number, i) => (number == null ? "" : ((minutes[i - 1] ?? minutes[i - 2]) == null ? "M" : "L") + at(number, i))).join("");

  const lang = element.closest("[lang]")?.lang || navigator.language;
  const say = (number) => {
    const shown = Math.min(number, +nanninMax || number);
    let text = shown;
    try {
      text = shown.toLocaleString(lang);
    } catch {}
    return (count.stale ? "≈" : "") + text + (number > shown ? "+" : "");
  };
  const words = (nanninLabel ?? (/^ja\b/.test(lang) ? "直近1時間の最大 {most}、現在 {n}" : "Most in the last hour: {most}. Now: {n}."))
    .replaceAll("{most}", say(most))
    .replaceAll("{n}", say(now));

  // Only a change is written, because nannin.js looks at the page again after each.
  if (state.drawn == (state.drawn = line + words) && element.firstChild == state.svg) return;
  state.svg = make("svg", { role: "img", width: "6.4em", height: "1.2em", viewBox: "-2 -.5 64 12", fill: "none", stroke: "currentColor", "stroke-linecap": "round" }, make("title", {}, words), make("path", { d: line }), make("path", { d: "M" + at(now, 59) + "h0", "stroke-width": 3 }));
  element.replaceChildren(state.svg);
};
