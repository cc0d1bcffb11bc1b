// The sample's logic on Bun with Socket.IO's own engine for it. Usage: bun bun.mjs PORT [MODE]; sample.mjs names the modes.
import { Server as Engine } from "@socket.io/bun-engine";
import { Server } from "socket.io";
import { attach } from "./sample.mjs";

const [port, mode] = process.argv.slice(2);
const io = new Server();
const engine = new Engine({ path: "/socket.io/", pingInterval: 25_000, pingTimeout: 20_000 });
io.bind(engine);
attach(io, mode);
Bun.serve({ hostname: "127.0.0.1", port: Number(port), ...engine.handler() });
