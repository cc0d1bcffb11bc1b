// Connects clients of socket.io-client in its default mode, polling first, and reports what each went through.
// node many.mjs URL COUNT AT_ONCE ALIVE: one line of JSON at the end. With ALIVE, requests share connections, which
// are kept alive, as in a browser.

import http from "node:http";
import https from "node:https";
import { io } from "socket.io-client";

const [, , url, ...numbers] = process.argv;
const [count, atOnce, alive] = numbers.map(Number);
const { Agent } = url.startsWith("https:") ? https : http;
const agent = alive ? new Agent({ keepAlive: true, maxSockets: 4 * atOnce }) : undefined;
const report = { connected: 0, upgraded: 0, errors: {}, disconnects: {}, marks: {} };
const add = (table, key) => {
  table[key] = (table[key] ?? 0) + 1;
};
const explain = (error) => {
  const body = error.context?.responseText;
  return [error.message, error.description?.message ?? error.description, body].filter(Boolean).join(": ");
};

const connect = () =>
  new Promise((done) => {
    const socket = io(url, { forceNew: true, reconnectionDelay: 100, timeout: 20_000, agent });
    socket.io.on("error", (error) => add(report.errors, explain(error)));
    socket.io.on("close", (reason, details) => add(report.disconnects, `${reason}: ${explain(details ?? {})}`));
    socket.on("disconnect", (reason) => add(report.disconnects, reason));
    let isFirst = true;
    socket.on("connect", () => {
      const { engine } = socket.io; // another one after each reconnect
      if (isFirst) {
        report.connected += 1;
        add(report.marks, engine.id?.[0]);
        isFirst = false;
      }
      if (engine.transport.name === "websocket") done(socket);
      else engine.once("upgrade", () => done(socket));
    });
  });

const sockets = [];
let begun = 0;
const connectSome = async () => {
  while (begun < count) {
    begun += 1;
    sockets.push(await connect());
  }
};
await Promise.all(Array.from({ length: atOnce }, connectSome));
// All of them stay until all are there, and a moment longer.
await new Promise((done) => setTimeout(done, 300));
report.upgraded = sockets.filter((socket) => socket.io.engine.transport.name === "websocket").length;
report.alive = sockets.filter((socket) => socket.connected).length;
console.log(JSON.stringify(report));
process.exit(0);
