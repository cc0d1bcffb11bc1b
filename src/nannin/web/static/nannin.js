// docs/embed.md
(() => {
const script = document.currentScript;
const own = Symbol.for("nannin");
if (!script?.src || window[own]) return;
window[own] = script;
if (!/^(local|session|none)?$/.test(script.dataset.store ?? "")) console.warn("nannin: unknown data-store", script);

const server = new URL("socket.io/?EIO=4&transport=", script.src);
const random = "" + crypto.getRandomValues(new Uint32Array(4));
let counts = {};
let rooms = {};
let delay = 500;
let link, open, shown, timer, later, gone, here;

// RFC 3986, 3987
const asKey = (path) =>
  path
    .replace(/[^!-~\p{Cs}]|,/gu, encodeURIComponent)
    .replace(/%[\da-f]{2}/gi, (code) => /[\w.~-]/.exec(unescape(code)) ?? code.toUpperCase())
    .replace(/^\/?/, "/")
    .replace(/^(.{127}).{2,}(.{127})$/, "$1~$2");

const elements = () => [...document.querySelectorAll("[data-nannin],nannin-count")];
const keyOf = (element) => asKey(element.dataset.nanninPage ?? here);

const show = (element, count, lang = element.closest("[lang]")?.lang || []) => {
  const read = (form) => element.getAttribute("data-nannin-" + form);
  let text = (element[own] ??= element.textContent);
  try {
    const form = count >= 0 && new Intl.PluralRules(lang).select(count);
    if (form) text = (read(form) ?? read("other") ?? "{n}").replaceAll("{n}", count.toLocaleString(lang));
  } catch {
    return show(element, count, []);
  }
  if (text != element.textContent) element.textContent = text;
};

const wait = (then, ms) => {
  clearTimeout(timer);
  timer = setTimeout(then, ms);
};

const start = (polling) => {
  let sent;
  const ended = () => link == self && lost();
  const poll = async (body) => {
    try {
      await sent;
      const answer = await fetch(server + "polling" + (open ? "&sid=" + open.sid : "") + "&t=" + Math.random(), { method: body && "POST", body, keepalive: body });
      if (!answer.ok) throw 0;
      for (const data of (await answer.text()).split("\x1e")) receive({ data });
      if (!body && link == self) poll();
    } catch {
      ended();
    }
  };
  const send = (body) => (sent = poll(body));
  wait(lost, 1e4);
  try {
    link = polling ? { polling, send, close: () => send("1") } : new WebSocket((server + "websocket").replace("http", "ws"));
  } catch {
    return start(true);
  }
  const self = link;
  self.onmessage = receive;
  self.onclose = self.onerror = ended;
  if (polling) poll();
};

const close = () => {
  link?.close();
  link = open = timer = clearTimeout(timer);
  rooms = {};
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

const receive = ({ data }) => {
  if (data[0] == 0) open = JSON.parse(data.slice(1));
  wait(lost, open.pingInterval + open.pingTimeout);
  if (data == 2) link.send("3");
  const [, type, key = "/", json] = /^4([124])(\/[^,]*)?,?\d*(.*)/.exec(data) ?? [];
  if (type == 2) {
    const [event, count] = JSON.parse(json);
    if (event == "audience" && rooms[key]) {
      counts[key] = count;
      rooms[key].joined = delay = 500;
      queueMicrotask(() => {
        const shows = elements().filter((element) => keyOf(element) == key);
        for (const element of shows[0] ? shows : [document]) element.dispatchEvent(new CustomEvent("nannin:count", { bubbles: true, detail: count }));
        window.nannin?.onCount?.(count);
      });
    }
  } else if (type) {
    delete counts[key];
    if (rooms[key]) rooms[key].joined = 0;
  }
  settle();
};

const settle = () => {
  later = clearTimeout(later);
  const visible = !document.hidden;
  shown ||= visible;
  // Turbo
  const { page, token, store = "local" } = ([...document.scripts].find(({ src }) => src == script.src) || script).dataset;
  const auth = { visitor: store == "none" || navigator.globalPrivacyControl ? undefined : random, token, observe: false };
  let { host, pathname } = location;
  try {
    const link = new URL(document.querySelector("link[rel=canonical]")?.href || location);
    if (link.host == host) pathname = link.pathname;
    auth.observe = localStorage["nannin-off"] == 1;
    if (auth.observe) delete auth.visitor;
    if (auth.visitor) {
      const storage = window[store + "Storage"];
      const today = Math.floor(Date.now() / 864e5);
      const [id, day] = storage.nannin?.split("/") ?? [];
      if (today - day < 30) auth.visitor = id;
      storage.nannin = auth.visitor + "/" + today;
    }
  } catch {}
  here = page || (host == server.host ? "" : "/" + host) + pathname;
  const wanted = { [asKey(here)]: auth };
  for (const element of elements()) {
    const { nannin, nanninToken: token } = element.dataset;
    const key = keyOf(element);
    wanted[key] ??= { observe: true, token };
    show(element, counts[key]?.[nannin || "visitors"]);
  }
  if (shown && !timer) start();
  for (const key in open && { ...rooms, ...wanted }) {
    const room = rooms[key];
    const auth = wanted[key];
    if (!room) {
      rooms[key] = { ...auth, visible, updates: "audience" };
      link.send(`40${key},` + JSON.stringify(rooms[key]));
    } else if (room.observe != auth?.observe) {
      if (room.joined !== 0) link.send(`41${key},`);
      delete rooms[key];
      delete counts[key];
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
