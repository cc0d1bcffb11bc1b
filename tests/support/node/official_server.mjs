// Node's official Socket.IO server with the scenarios of tests/whole/browser/test_socket_io_js.py. It serves our browser
// client in the place of its own, so that the client meets the server whose protocol it claims to speak.
// Usage: node official_server.mjs PORT [SETTINGS], where SETTINGS is JSON for the server's options.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { Server } from "socket.io";

const [port, settings = "{}"] = process.argv.slice(2);
const client = readFileSync(new URL("../../../src/nannin/web/static/socket.io.js", import.meta.url));
const strictPolicy = "default-src 'none'; script-src 'self'; connect-src 'self'; img-src data:";
const page = '<!doctype html><link rel="icon" href="data:,"><script src="/socket.io/socket.io.js"></script><title>client</title>';

const http = createServer();
const io = new Server(http, { serveClient: false, cors: { origin: /localhost|127\.0\.0\.1/ }, ...JSON.parse(settings) });

// Engine.IO answers everything below /socket.io/, the script too, so what is ours is asked first.
const [answerAsEngine] = http.listeners("request");
http.removeAllListeners("request");
http.on("request", (request, response) => {
  const { pathname } = new URL(request.url, "http://localhost");
  if (pathname === "/socket.io/socket.io.js") {
    response.writeHead(200, { "content-type": "text/javascript; charset=utf-8" }).end(client);
  } else if (pathname === "/client/stats") {
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(stats()));
  } else if (pathname === "/client/page") {
    response.writeHead(200, { "content-type": "text/html", "content-security-policy": strictPolicy }).end(page);
  } else {
    answerAsEngine(request, response);
  }
});

function stats() {
  const sockets = {};
  for (const [name, namespace] of io._nsps) sockets[name] = namespace.sockets.size;
  return { sessions: io.engine.clientsCount, sockets };
}

function serve(socket) {
  socket.on("echo", (...args) => args.pop()(...args));
  socket.on("say", (...args) => socket.emit("said", ...args));
  socket.on("ask", (question) => socket.emit("question", question, (...answer) => socket.emit("answered", ...answer)));
  socket.on("count", (number) => {
    for (let i = 0; i < number; i++) socket.emit("counted", i);
  });
  socket.on("tell all", (text, done) => done(socket.nsp.emit("told", text)));
  socket.on("leave", () => socket.disconnect());
  socket.on("hang up", () => socket.conn.close());
  socket.emit("welcome", { id: socket.id, auth: socket.handshake.auth, query: socket.handshake.query });
}

io.on("connection", serve);
io.of("/second").on("connection", serve);
io.of("/日本").on("connection", serve);
io.of("/refused").use((socket, next) => next(Object.assign(new Error("no entry"), { data: { code: 7 } })));
io.of("/slow").use((socket, next) => setTimeout(next, 300));
io.of("/slow").on("connection", serve);

http.listen(Number(port), "127.0.0.1");
