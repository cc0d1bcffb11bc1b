/*
 * The embed: shows on any page of any site how many people are on that page.
 *
 *   <script async src="https://HOST/nannin.js"></script>
 *   <span data-nannin></span>
 *
 * The page's key is its path on the server's own host, and /HOST/PATH on any other site. While there is no number, each
 * element keeps the text it came with.
 */
(() => {
  "use strict";

  const KEY_LIMIT_BYTES = 255;
  const LOADED = Symbol.for("nannin.embed");
  const script = document.currentScript;
  // A tag that was pasted twice must not count its reader twice.
  if (!script?.src || globalThis[LOADED]) return;
  globalThis[LOADED] = true;

  // A namespace of Socket.IO ends at a comma. What location tells is percent-encoded ASCII, so characters are bytes.
  function pageKey(server) {
    const site = location.host === server.host ? "" : `/${location.host}`;
    const key = (site + location.pathname).replaceAll(",", "%2C");
    if (key.length <= KEY_LIMIT_BYTES) return key;
    // Two long addresses that begin alike are still two pages: FNV-1a of the whole takes the place of the end.
    let hash = 0x811c9dc5;
    for (const character of key) hash = Math.imul(hash ^ character.charCodeAt(0), 0x01000193) >>> 0;
    return `${key.slice(0, KEY_LIMIT_BYTES - 9)}~${hash.toString(16).padStart(8, "0")}`;
  }

  function numberFormat() {
    try {
      return new Intl.NumberFormat(document.documentElement.lang || undefined);
    } catch {
      return new Intl.NumberFormat(); // the page names a language that is none
    }
  }

  const ownText = new Map();

  function show(count) {
    const text = numberFormat().format(count);
    for (const element of document.querySelectorAll("[data-nannin]")) {
      if (!ownText.has(element)) ownText.set(element, element.textContent);
      element.textContent = text;
    }
  }

  function showOwnText() {
    for (const [element, text] of ownText) element.textContent = text;
    ownText.clear();
  }

  function connect(io) {
    const server = new URL(script.src);
    const socket = io(server.origin + pageKey(server), {
      path: new URL("socket.io/", server).pathname,
      auth: { updates: "audience" },
    });
    socket.on("audience", (audience) => show(audience.visitors));
    socket.on("disconnect", showOwnText);
  }

  const client = document.createElement("script");
  const theirs = globalThis.io;
  client.src = new URL("socket.io/socket.io.js", script.src).href;
  client.addEventListener("load", () => {
    const io = globalThis.io;
    // The page may have brought a Socket.IO client of its own, which stays the page's.
    if (theirs) globalThis.io = theirs;
    if (typeof io === "function") connect(io);
  });
  document.head.append(client);
})();
