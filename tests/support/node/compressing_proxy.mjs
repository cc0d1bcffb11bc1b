// A proxy as many sites have it: Express with its compression. PORT TARGET_PORT
import { request } from "node:http";
import compression from "compression";
import express from "express";

const [port, target] = process.argv.slice(2).map(Number);
const app = express();
app.use(compression({ threshold: 0 }));
app.use((incoming, answer) => {
  const { method, url } = incoming;
  // What nannin has compressed by itself would prove nothing.
  const headers = { ...incoming.headers, "accept-encoding": "identity" };
  const upstream = request({ host: "127.0.0.1", port: target, method, path: url, headers }, (response) => {
    answer.writeHead(response.statusCode, response.headers);
    response.pipe(answer);
  });
  upstream.on("error", () => answer.destroy());
  answer.on("close", () => upstream.destroy());
  incoming.pipe(upstream);
});
app.listen(port, "127.0.0.1");
