/* The page of the sample: how many people are on it now, said in the browser's language. */

const WORDS = {
  en: {
    what: "Counts the people on a page, and tells them at once.",
    connecting: "Connecting…",
    reconnecting: "Reconnecting…",
    unavailable: "The number is not available. Reload the page to try again.",
    lead: "",
    tail: { one: " person is on this page", other: " people are on this page" },
    tabs: (digits) => `, in ${digits} tabs`,
    old: " (may be out of date)",
    stop: ".",
    title: { one: " person", other: " people" },
    yours: "On your own page",
    element: '<span data-nannin data-nannin-one="{n} person is reading this."\n      data-nannin-other="{n} people are reading this."></span>',
    copy: "Copy",
    copied: "Copied",
    elsewhere: { before: "If your page is on another host, start this server with ", after: " and the address of your site." },
    here: {
      before: "This address works on this machine only. For a site, start nannin on a server with ",
      after: " and the address of the site.",
    },
  },
  ja: {
    what: "ページを見ている人の数を、リアルタイムで全員に知らせます。",
    connecting: "接続しています…",
    reconnecting: "再接続しています…",
    unavailable: "人数を取得できません。ページを再読み込みしてください。",
    lead: "このページにアクセスしているのは",
    tail: { other: "人です" },
    tabs: (digits, count) => `（${digits}${count < 10 ? "つ" : "個"}のタブ）`,
    old: "（最新ではない場合があります）",
    stop: "。",
    title: { other: "人" },
    yours: "あなたのページにも",
    element: '<span data-nannin data-nannin-other="{n}人が読んでいます"></span>',
    copy: "コピー",
    copied: "コピーしました",
    elsewhere: {
      before: "別のホストのページに置く場合は、サイトのアドレスを ",
      after: " で指定して、このサーバーを起動してください。",
    },
    here: {
      before: "このアドレスは、このコンピューターの中だけで使えます。公開するサイトに置く場合は、サイトのアドレスを ",
      after: " で指定して、nannin をサーバーで起動してください。",
    },
  },
};

// A screen reader is told at most this often, however fast people come and go.
const QUIET_MS = 10_000;
// Long enough to be heard; then it goes, lest a reader who browses the page comes upon an old number.
const SPOKEN_MS = 3_000;

const COPIED_MS = 2_000;

// 正, the tally that counts to five, in the order in which a hand writes it: for readers of Japanese, who know it. Of a
// crowd it would tell nothing.
const STROKES = ["M3 4H21", "M12 4V20.5", "M12 11.5H19", "M6 11V20.5", "M2 20.5H22"];
const TALLY_LIMIT = 100;
const SVG = "http://www.w3.org/2000/svg";

// The first language of the browser's list that this page speaks; English for everybody else.
const known = navigator.languages.find((tag) => /^(ja|en)\b/i.test(tag)) ?? "en";
const language = known.slice(0, 2).toLowerCase();
const words = WORDS[language];
const figures = new Intl.NumberFormat(language);
const plurals = new Intl.PluralRules(language);
// Browsers keep pages of the internet from a server of the reader's own machine.
const hint = /^(localhost|127\..*|\[::1\])$/.test(location.hostname) ? words.here : words.elsewhere;
const by = (id) => document.getElementById(id);

function inWords(forms, count) {
  return forms[plurals.select(count)] ?? forms.other;
}

/** Shows how many people are here, and in small words their tabs where some have more than one, and doubts. */
function showCount({ visitors, connections, stale }) {
  const digits = figures.format(visitors);
  by("number").textContent = digits;
  by("number").dataset.length = digits.length > 6 ? "longer" : digits.length > 3 ? "long" : "short";
  by("words").textContent = inWords(words.tail, visitors);
  by("tabs").textContent = connections > visitors ? words.tabs(figures.format(connections), connections) : "";
  by("old").textContent = stale ? words.old : "";
  by("sentence").removeAttribute("aria-hidden");
  document.body.dataset.state = "live";
  document.title = `${stale ? "≈ " : ""}${digits}${inWords(words.title, visitors)} – nannin`;
  drawTally(visitors);
  announce(by("sentence").textContent);
}

/** Says why there is no number now; the last one is taken away, as nobody knows whether it still holds. */
function showNoCount(state) {
  by("number").textContent = "–";
  by("number").dataset.length = "short";
  by("words").textContent = words.tail.other;
  by("tabs").textContent = by("old").textContent = "";
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
  const wanted = language === "ja" && count <= TALLY_LIMIT ? count : 0;
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

/** With what we join, as the tag does: one id for all tabs of this browser, where it may be kept. */
function joining() {
  const auth = { updates: "audience", visible: !document.hidden };
  if (!navigator.globalPrivacyControl) auth.visitor = crypto.getRandomValues(new Uint32Array(4)).join();
  try {
    auth.observe = localStorage["nannin-off"] === "1";
    if (auth.observe) delete auth.visitor;
    if (auth.visitor) {
      const today = Math.floor(Date.now() / 86_400_000);
      const [id, day] = localStorage.nannin?.split("/") ?? [];
      if (today - day < 30) auth.visitor = id;
      localStorage.nannin = `${auth.visitor}/${today}`;
    }
  } catch {
    // Storage is closed: the id lives as long as the page.
  }
  return auth;
}

/** Puts the snippet into the clipboard; marks it where the browser lets no page do that. */
async function copy() {
  try {
    await navigator.clipboard.writeText(by("snippet").textContent);
  } catch {
    getSelection().selectAllChildren(by("snippet"));
    if (!document.execCommand("copy")) return;
  }
  by("copy").textContent = words.copied;
  setTimeout(() => (by("copy").textContent = words.copy), COPIED_MS);
}

document.documentElement.lang = language;
for (const id of ["what", "lead", "stop", "copy"]) by(id).textContent = words[id];
for (const id of ["before", "after"]) by(id).textContent = hint[id];
by("yours-heading").textContent = words.yours;
by("snippet").textContent = `<script async src="${new URL("../nannin.js", import.meta.url)}"></script>\n${words.element}`;
by("copy").addEventListener("click", copy);
by("yours").hidden = false;

if (typeof globalThis.io === "function") {
  showNoCount("connecting");
  const auth = joining();
  // Beside this file, wherever the server is mounted.
  const socket = globalThis.io({ path: new URL("../socket.io/", import.meta.url).pathname, auth: (join) => join({ ...auth, visible: !document.hidden }) });
  socket.on("audience", showCount);
  socket.on("disconnect", (reason) => {
    showNoCount(reason === "io server disconnect" ? "unavailable" : "reconnecting");
  });
  socket.on("connect_error", () => {
    // Refused by the server: the client won't ask again.
    if (socket.active === false) showNoCount("unavailable");
  });
  document.addEventListener("visibilitychange", () => {
    if (socket.connected) socket.emit("nannin:visible", !document.hidden);
  });
} else {
  showNoCount("unavailable");
}
