// The sample's logic on Node's official socket.io, in a cluster of processes that share their count in Redis.
// Usage: node node_cluster.mjs PORT MODE WORKERS REDIS_URL; the modes are those of sample.mjs, without "shapes".
import cluster from "node:cluster";
import { createServer } from "node:http";
import { createAdapter } from "@socket.io/redis-adapter";
import { createClient } from "redis";
import { Server } from "socket.io";

const [port, mode, workers, url] = process.argv.slice(2);

if (cluster.isPrimary) {
  const store = await createClient({ url }).connect();
  await store.del("count");
  for (let i = 0; i < Number(workers); i++) cluster.fork();
  process.on("SIGUSR2", () => Object.values(cluster.workers).forEach((worker) => worker.process.kill("SIGUSR2")));
} else {
  const [publish, subscribe, store] = await Promise.all([1, 2, 3].map(() => createClient({ url }).connect()));
  const http = createServer();
  const io = new Server(http, { serveClient: false, adapter: createAdapter(publish, subscribe) });
  let tells = mode !== "quiet";
  process.on("SIGUSR2", () => (tells = true));
  io.on("connection", async (socket) => {
    socket.on("disconnect", async () => {
      const count = await store.decr("count");
      if (tells) io.emit("user disconnected", count);
    });
    const count = await store.incr("count");
    if (tells) io.emit("user connected", count);
  });
  http.listen({ port: Number(port), host: "127.0.0.1", backlog: 2048 });
}
