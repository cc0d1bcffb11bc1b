// Holds several sockets of the official client 4.x for the tests of the library: one JSON command a line comes
// in, one JSON report a line goes out. Bytes travel as {"base64": "..."} in both directions.

import { createInterface } from "node:readline";
import { io } from "socket.io-client";
import { closeAll } from "./closing.mjs";

const PATIENCE_MS = 10_000;

const withBytes = (key, value) =>
  typeof value?.base64 === "string" ? Buffer.from(value.base64, "base64") : value;
// A Buffer comes here as what its toJSON() made of it.
const withoutBytes = (key, value) =>
  value?.type === "Buffer" ? { base64: Buffer.from(value.data).toString("base64") } : value;

const report = (name, what, details = {}) => {
  process.stdout.write(`${JSON.stringify({ name, what, ...details }, withoutBytes)}\n`);
};

const sockets = new Map();

const commands = {
  // `answers` says what it acknowledges an event with; an event that is not there it never acknowledges.
  open({ name, url, options }) {
    const { answers = {}, ...rest } = options;
    const socket = io(url, rest);
    sockets.set(name, socket);
    socket.on("connect", () => report(name, "connect", { id: socket.id, recovered: socket.recovered }));
    socket.on("connect_error", ({ message, data }) => report(name, "connect_error", { message, data }));
    socket.on("disconnect", (reason) => report(name, "disconnect", { reason }));
    socket.onAny((event, ...args) => {
      const ack = typeof args.at(-1) === "function" ? args.pop() : null;
      report(name, "event", { event, args });
      if (ack && event in answers) ack(...answers[event]);
    });
  },
  emit({ name, event, args }) {
    sockets.get(name).emit(event, ...args);
  },
  call({ name, event, args }) {
    sockets
      .get(name)
      .timeout(PATIENCE_MS)
      .emitWithAck(event, ...args)
      .then((answer) => report(name, "answer", { event, answer }))
      .catch((error) => report(name, "no answer", { event, message: error.message }));
  },
  // All arguments of the ack, where a promise would give the first alone.
  callback({ name, event, args }) {
    sockets.get(name).emit(event, ...args, (...answer) => report(name, "callback", { event, answer }));
  },
  connect({ name }) {
    sockets.get(name).connect();
  },
  disconnect({ name }) {
    sockets.get(name).disconnect();
  },
  // What a tab does that is closed: the link is closed in order.
  close({ name }) {
    sockets.get(name).io.engine.close();
  },
  async reset({ name }) {
    await closeAll([...sockets.values()]);
    sockets.clear();
    report(name, "reset");
  },
  // The TCP connection is gone without a word.
  destroy({ name }) {
    sockets.get(name).io.engine.transport.ws.terminate();
  },
};

createInterface({ input: process.stdin })
  .on("line", (line) => {
    const command = JSON.parse(line, withBytes);
    commands[command.do](command);
  })
  .on("close", () => process.exit(0));
