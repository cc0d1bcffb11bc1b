import { io } from "socket.io-client";

const socket = io(process.argv[2] ?? "http://127.0.0.1:8124");
const order = async (...args) => console.log(await socket.emitWithAck("order", ...args));

await order({ item: "tea", amount: 2, gift: true });
await order({ item: "tea", amount: 2 });
await order({ item: "tea", amount: 0 });
await order({ item: "tea" });
await order();
socket.disconnect();
