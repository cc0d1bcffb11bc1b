// Drives an official client for a test: one JSON command a line comes in, one JSON report a line goes out.
// Bytes travel as {"base64": "..."} in both directions.

import { createInterface } from "node:readline";
import { closeAll } from "./closing.mjs";

const toJson = (value) => {
  if (value instanceof Uint8Array || value instanceof ArrayBuffer) {
    return { base64: Buffer.from(value).toString("base64") };
  }
  if (Array.isArray(value)) return value.map(toJson);
  if (value && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, toJson(inner)]));
  }
  return value;
};

const fromJson = (value) => {
  if (Array.isArray(value)) return value.map(fromJson);
  if (value && typeof value === "object") {
    if (typeof value.base64 === "string") return Buffer.from(value.base64, "base64");
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, fromJson(inner)]));
  }
  return value;
};

const report = (name, what, details = {}) => {
  process.stdout.write(`${JSON.stringify({ name, what, ...toJson(details) })}\n`);
};

// `load` gives the client's io(), with nothing left of what an earlier test did with it.
export const drive = async (load) => {
  const sockets = new Map();
  const answers = new Map();
  let io = await load();

  const open = ({ name, url, options }) => {
    const socket = io(url, options);
    sockets.set(name, socket);
    socket.io.on("open", () => {
      const { engine } = socket.io;
      report(name, "open", { transport: engine.transport.name });
      engine.once("upgrade", (transport) => report(name, "upgrade", { transport: transport.name }));
    });
    socket.on("connect", () => report(name, "connect", { id: socket.id }));
    socket.on("connect_error", (error) => {
      report(name, "connect_error", { message: error.message, data: error.data });
    });
    socket.on("disconnect", (reason) => report(name, "disconnect", { reason }));
    socket.onAny((event, ...args) => {
      const ack = typeof args.at(-1) === "function" ? args.pop() : null;
      report(name, "event", { event, args });
      if (ack && answers.has(event)) ack(...answers.get(event));
    });
  };

  const commands = {
    open,
    // A component that is mounted, unmounted and mounted again before the server can answer.
    mountTwice(command) {
      open(command);
      const socket = sockets.get(command.name);
      socket.disconnect();
      socket.connect();
    },
    emit({ name, event, args, volatile }) {
      const socket = sockets.get(name);
      (volatile ? socket.volatile : socket).emit(event, ...fromJson(args));
    },
    // As many at once as `args` has lists: the client puts them all into one payload where it polls.
    burst({ name, event, args }) {
      for (const one of fromJson(args)) sockets.get(name).emit(event, ...one);
    },
    call({ name, event, args }) {
      const done = (...answer) => report(name, "ack", { event, args: answer });
      sockets.get(name).emit(event, ...fromJson(args), done);
    },
    answer({ event, args }) {
      answers.set(event, fromJson(args));
    },
    connect({ name }) {
      sockets.get(name).connect();
    },
    disconnect({ name }) {
      sockets.get(name).disconnect();
    },
    async reset({ name }) {
      await closeAll([...sockets.values()]);
      sockets.clear();
      answers.clear();
      io = await load();
      report(name, "reset");
    },
  };

  createInterface({ input: process.stdin })
    .on("line", (line) => {
      const command = JSON.parse(line);
      commands[command.do](command);
    })
    .on("close", () => process.exit(0));
};
