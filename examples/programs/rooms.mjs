import { io } from "socket.io-client";

const url = process.argv[2] ?? "http://127.0.0.1:8124";
const ann = io(url);
const bob = io(url, { forceNew: true });
ann.on("joined", (room) => console.log(`Ann: somebody joined ${room}`));
ann.on("said", (room, text) => console.log(`Ann, in ${room}: ${text}`));
bob.on("said", (room, text) => console.log(`Bob, in ${room}: ${text}`));

console.log(await ann.emitWithAck("join", "red"));
console.log(await bob.emitWithAck("join", "red"));
console.log(await bob.emitWithAck("join", "blue"));
await ann.emitWithAck("say", "red", "Hello");
await bob.emitWithAck("say", "blue", "Only me here");
console.log(await ann.emitWithAck("say", "blue", "Let me in"));
for (const socket of [ann, bob]) socket.disconnect();
