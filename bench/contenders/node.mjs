// The sample's logic on Node's official socket.io: the count to everyone on each connection and disconnection.
// Usage: node node.mjs PORT [quiet]; quiet: nobody is told before SIGUSR2.
import { createServer } from "node:http";
import { createRequire } from "node:module";

const require = createRequire(new URL("../../tests/support/node/package.json", import.meta.url));
const { Server } = require("socket.io");

const [port, mode] = process.argv.slice(2);
let tells = mode !== "quiet";
let count = 0;
process.on("SIGUSR2", () => (tells = true));

const http = createServer();
const io = new Server(http, { transports: ["websocket"], serveClient: false });
io.on("connection", (socket) => {
  count += 1;
  if (tells) io.emit("user connected", count);
  socket.on("disconnect", () => {
    count -= 1;
    if (tells) io.emit("user disconnected", count);
  });
});
http.listen({ port: Number(port), host: "127.0.0.1", backlog: 2048 });
