import { io } from "socket.io-client";

const url = process.argv[2] ?? "http://127.0.0.1:8124";
const reader = io(url, { auth: { recover: true } });
const editor = io(url, { forceNew: true });
const next = (event) => new Promise((done) => reader.once(event, done));
reader.on("connect", () => console.log(reader.recovered ? "back" : "new"));
reader.on("news", (text) => console.log(text));

await next("connect");
editor.emit("publish", "one");
await next("news");
reader.io.engine.close(); // the link is lost, and for a moment the reader is away
await editor.emitWithAck("publish", "two");
await next("news");
for (const socket of [reader, editor]) socket.disconnect();
