// The sample's logic on Node's official socket.io. Usage: node node.mjs PORT [MODE]; sample.mjs names the modes.
import { createServer } from "node:http";
import { Server } from "socket.io";
import { attach } from "./sample.mjs";

const [port, mode] = process.argv.slice(2);
const http = createServer();
attach(new Server(http, { serveClient: false }), mode);
http.listen({ port: Number(port), host: "127.0.0.1", backlog: 2048 });
