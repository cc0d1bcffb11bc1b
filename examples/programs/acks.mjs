import { io } from "socket.io-client";

const url = process.argv[2] ?? "http://127.0.0.1:8124";
const ann = io(url);
const bob = io(url, { forceNew: true });
const silent = io(url, { forceNew: true });

ann.on("your name?", (answer) => answer("Ann"));
bob.on("question", (question, answer) => answer(`${question} Yes.`));
await Promise.all([bob, silent].map((socket) => new Promise((done) => socket.on("connect", done))));

console.log(await ann.emitWithAck("add", 2, 3));
console.log(await ann.emitWithAck("greet me"));
console.log(await ann.emitWithAck("ask the others", "Tea?"));
for (const socket of [ann, bob, silent]) socket.disconnect();
