/* The page of the sample: how many people are on it now, said in the browser's language. */

const WORDS = {
  en: {
    connecting: "Connecting…",
    reconnecting: "Reconnecting…",
    unavailable: "The number is not to be had. Reload the page to ask again.",
    lead: "",
    tail: { one: " person is on this page.", other: " people are on this page." },
    title: { one: " person", other: " people" },
  },
  ja: {
    connecting: "接続しています…",
    reconnecting: "再接続しています…",
    unavailable: "人数を取得できません。ページを再読み込みしてください。",
    lead: "このページにアクセスしているのは",
    tail: { other: "人です。" },
    title: { other: "人" },
  },
};

// A screen reader is told at most this often, however fast people come and go.
const QUIET_MS = 10_000;
// Long enough to be heard; then it goes, lest a reader who browses the page comes upon an old number.
const SPOKEN_MS = 3_000;

// 正, the tally that counts to five, in the order in which a hand writes it. Of a crowd it would tell nothing.
const STROKES = ["M3 4H21", "M12 4V20.5", "M12 11.5H19", "M6 11V20.5", "M2 20.5H22"];
const TALLY_LIMIT = 100;
const SVG = "http://www.w3.org/2000/svg";

// The first language of the browser's list that this page speaks; English for everybody else.
const known = navigator.languages.find((tag) => /^(ja|en)\b/i.test(tag)) ?? "en";
const language = known.slice(0, 2).toLowerCase();
const words = WORDS[language];
const figures = new Intl.NumberFormat(language);
const plurals = new Intl.PluralRules(language);
const by = (id) => document.getElementById(id);

function inWords(forms, count) {
  return forms[plurals.select(count)] ?? forms.other;
}

function showCount(count) {
  const digits = figures.format(count);
  by("number").textContent = digits;
  by("number").dataset.length = digits.length > 6 ? "longer" : digits.length > 3 ? "long" : "short";
  by("tail").textContent = inWords(words.tail, count);
  by("sentence").removeAttribute("aria-hidden");
  document.body.dataset.state = "live";
  document.title = `${digits}${inWords(words.title, count)} – nannin`;
  drawTally(count);
  announce(words.lead + digits + inWords(words.tail, count));
}

/** Says why there is no number now; the last one is taken away, as nobody knows whether it still holds. */
function showNoCount(state) {
  by("number").textContent = "–";
  by("number").dataset.length = "short";
  by("tail").textContent = words.tail.other;
  by("sentence").setAttribute("aria-hidden", "true");
  by("state").textContent = words[state];
  document.body.dataset.state = state;
  document.title = "nannin";
  by("spoken").replaceChildren();
  if (state !== "connecting") announce(words[state]);
}

/** Adds or takes off strokes until there are `count`; those who came since the first count are drawn as one watches. */
function drawTally(count) {
  const tally = by("tally");
  const watched = tally.hasChildNodes();
  const wanted = count <= TALLY_LIMIT ? count : 0;
  const strokes = tally.getElementsByTagName("path");
  while (strokes.length > wanted) {
    const figure = tally.lastElementChild;
    figure.lastElementChild.remove();
    if (!figure.firstElementChild) figure.remove();
  }
  while (strokes.length < wanted) {
    const place = strokes.length % STROKES.length;
    if (place === 0) {
      const figure = document.createElementNS(SVG, "svg");
      figure.setAttribute("viewBox", "0 0 24 24");
      tally.append(figure);
    }
    const stroke = document.createElementNS(SVG, "path");
    stroke.setAttribute("d", STROKES[place]);
    stroke.setAttribute("pathLength", "1");
    if (watched) stroke.classList.add("fresh");
    tally.lastElementChild.append(stroke);
  }
}

let said = "";
let toSay = "";
let saidAtMs = -Infinity;
let timer = 0;

/** Has a screen reader say `text`, politely: never twice the same, and of many in a row only the last. */
function announce(text) {
  toSay = text;
  if (timer) return;
  timer = setTimeout(() => {
    timer = 0;
    if (toSay === said) return;
    said = toSay;
    saidAtMs = performance.now();
    by("spoken").textContent = said;
    setTimeout(() => by("spoken").replaceChildren(), SPOKEN_MS);
  }, Math.max(0, saidAtMs + QUIET_MS - performance.now()));
}

document.documentElement.lang = language;
by("lead").textContent = words.lead;

if (typeof globalThis.io === "function") {
  showNoCount("connecting");
  // Beside this file, wherever the server is mounted.
  const socket = globalThis.io({ path: new URL("../socket.io/", import.meta.url).pathname });
  socket.on("user connected", showCount);
  socket.on("user disconnected", showCount);
  socket.on("disconnect", (reason) => {
    showNoCount(reason === "io server disconnect" ? "unavailable" : "reconnecting");
  });
  socket.on("connect_error", () => {
    // Refused by the server: the client won't ask again.
    if (socket.active === false) showNoCount("unavailable");
  });
} else {
  showNoCount("unavailable");
}
