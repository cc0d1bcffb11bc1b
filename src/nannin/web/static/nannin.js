// docs/embed.md
(() => {
const script = document.currentScript;
const own = Symbol.for("nannin");
if (!script?.src || window[own]) return;
window[own] = script;

const server = new URL("socket.io/?EIO=4&transport=", script.src);
const random = "" + crypto.getRandomValues(new Uint32Array(4));
let counts = {}, rooms = {}, told = {}, delay = 500, link, open, shown, timer, later, gone, shows, trend;

const warn = (text) => (told[text] ??= !console.warn("nannin: " + text));

const close = () => {
  link?.close();
  link = open = timer = clearTimeout(timer);
  rooms = {};
};

const wait = (then, ms) => {
  clearTimeout(timer);
  timer = setTimeout(then, ms);
};

const start = (polling) => {
  let sent;
  const closed = () => link == self && lost();
  const ask = async (body) => {
    try {
      await sent;
      const answer = await fetch(server + "polling" + (open ? "&sid=" + open.sid : "") + "&t=" + Math.random(), { body, method: body && "POST", keepalive: body });
      if (!answer.ok) throw 0;
      for (const data of (await answer.text()).split("\x1e")) receive({ data });
      if (!body && link == self) ask();
    } catch {
      closed();
    }
  };
  const send = (body) => (sent = ask(body));
  wait(lost, 1e4);
  try {
    link = polling ? { polling, send, close: () => send("1") } : new WebSocket("ws" + (server + "websocket").slice(4));
  } catch {
    return start(true);
  }
  const self = link;
  link.onmessage = receive;
  link.onclose = link.onerror = closed;
  if (polling) ask();
};

const lost = () => {
  const polling = !open && !link.polling;
  if (open) {
    clearTimeout(gone);
    gone = setTimeout(() => settle(open || (counts = {})), 3e3);
  }
  close();
  if (polling) start(true);
  else wait(start, (delay = Math.min(delay * 2, 3e4)) * (1 + Math.random()));
};

// RFC 3986
const asKey = (path) =>
  path
    .replace(/[^!-~\p{Cs}]|,/gu, encodeURIComponent)
    .replace(/%[\da-f]{2}/gi, (code) => /[\w.~-]/.exec(unescape(code)) ?? code.toUpperCase())
    .replace(/^\/?/, "/")
    .replace(/^(.{127}).{2,}(.{127})$/, "$1~$2");

const receive = ({ data }) => {
  const [, type, key = "/", json] = /^(0|1|2|4[124])(\/[^,]*)?,?\d*(.*)/.exec(data) ?? [];
  const content = JSON.parse(json || 0);
  if (type == 1) return lost();
  if (type == 0) open = content;
  wait(lost, open.pingInterval + open.pingTimeout);
  if (type == 2) link.send("3");
  if (content[0] == "audience" && rooms[key]) {
    const count = (counts[key] = content[1]);
    rooms[key].joined = delay = 500;
    queueMicrotask(() => {
      for (const element of shows[key] ?? [document]) element.dispatchEvent(new CustomEvent("nannin:count", { bubbles: true, detail: count }));
      window.nannin?.onCount?.(count);
    });
  } else if (type == 41 || type == 44) {
    delete counts[key];
    if (rooms[key]) rooms[key].joined = 0;
    if (type == 44) warn(key + " refused: " + content.message);
  }
  settle();
};

const show = (element, count, mark, lang = element.closest("[lang]")?.lang || []) => {
  const read = (form) => element.getAttribute("data-nannin-" + form);
  let text = (element[own] ??= element.textContent);
  try {
    if (count >= (+read("min") || 0)) {
      const most = Math.min(count, +read("max") || count);
      text = (read(new Intl.PluralRules(lang).select(most)) ?? read("other") ?? "{n}").replaceAll("{n}", mark + most.toLocaleString(lang) + (count > most ? "+" : ""));
    }
  } catch {
    return show(element, count, mark, []);
  }
  element.toggleAttribute("data-nannin-stale", mark);
  if (text != element.textContent) element.textContent = text;
};

const settle = () => {
  later = clearTimeout(later);
  const visible = !document.hidden;
  shown ||= visible;
  // Turbo may have replaced the tag.
  let { page, token, store } = ([...document.scripts].find(({ src }) => src == script.src) || script).dataset;
  store ||= "local";
  const auth = { observe: false, token };
  if (store != "none" && !(store + "Storage" in window)) warn("unknown data-store " + store);
  if (store != "none" && !navigator.globalPrivacyControl) auth.visitor = random;
  let place = location;
  try {
    const there = new URL(document.querySelector("link[rel=canonical]")?.href || location);
    if (there.host == place.host) place = there;
    if ((auth.observe = localStorage["nannin-off"] == 1)) delete auth.visitor;
    if (auth.visitor) {
      const storage = window[store + "Storage"];
      const date = ~~(Date.now() / 864e5);
      const [id, day] = (storage.nannin || "").split("/");
      if (day > date - 30) auth.visitor = id;
      storage.nannin = auth.visitor + "/" + date;
    }
  } catch {}
  const here = page || (place.host == server.host ? "" : "/" + place.host) + place.pathname;
  const wanted = { [asKey(here)]: auth };
  shows = {};
  for (const element of document.querySelectorAll("[data-nannin],nannin-count")) {
    let { nannin, nanninShow, nanninPage, nanninToken: token, nanninMin, nanninMax } = element.dataset;
    if (isNaN(nanninMin ?? 0)) warn("unknown data-nannin-min " + nanninMin);
    if (isNaN(nanninMax ?? 0)) warn("unknown data-nannin-max " + nanninMax);
    if (nannin?.[0] == "/") [nanninPage, nannin] = [nannin];
    const key = asKey(nanninPage ?? here);
    (shows[key] ??= []).push(element);
    wanted[key] ??= { observe: true, token };
    const count = counts[key]?.[nannin || "visitors"];
    if (nanninShow) (trend ??= import(new URL("nannin-trend.js", script.src))).then(({ draw }) => draw(element, counts[key])).catch(warn);
    else show(element, count, counts[key]?.stale ? "≈" : "");
    if (counts[key] && !(count >= 0)) warn("unknown data-nannin " + nannin);
  }
  if (shown && !timer) start();
  for (const key in open && { ...rooms, ...wanted }) {
    const room = rooms[key], auth = wanted[key];
    if (!room) link.send(`40${key},` + JSON.stringify((rooms[key] = { updates: "audience", visible, ...auth })));
    else if (room.observe != auth?.observe || (!room.joined && room.token != auth.token)) {
      if (room.joined !== 0) link.send(`41${key},`);
      delete counts[key];
      delete rooms[key];
      soon();
    } else if (room.joined && room.visible != visible) {
      room.visible = visible;
      link.send(`42${key},["nannin:visible",${visible}]`);
    }
  }
};

const soon = () => (later ??= setTimeout(settle, 50));

addEventListener("visibilitychange", settle);
addEventListener("pageshow", settle);
addEventListener("pagehide", () => (shown = close(counts = {})));
addEventListener("online", () => settle(close()));
window.navigation?.addEventListener("currententrychange", soon);
new MutationObserver(soon).observe(document, { attributes: true, characterData: true, childList: true, subtree: true });
settle();
})();
