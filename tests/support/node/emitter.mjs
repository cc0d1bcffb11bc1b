// Sends with the official emitter: `node emitter.mjs URL KEY`, and one JSON command a line. "on" is a namespace,
// and "calls" is what is called on its emitter, one after the other: [["to", "room"], ["emit", "event", 1]].
// Bytes are {"base64": "..."}. Each line is answered with an empty one, once Redis has it.

import { createInterface } from "node:readline";
import { Emitter } from "@socket.io/redis-emitter";
import { createClient } from "redis";

const withBytes = (key, value) =>
  typeof value?.base64 === "string" ? Buffer.from(value.base64, "base64") : value;

const [url, key] = process.argv.slice(2);
const client = createClient({ url });
client.on("error", (error) => {
  process.stderr.write(`${error}\n`);
  process.exit(1);
});
await client.connect();
const emitter = new Emitter(client, { key });

for await (const line of createInterface({ input: process.stdin })) {
  const { on, calls } = JSON.parse(line, withBytes);
  let target = emitter.of(on);
  for (const [name, ...args] of calls) {
    target = name === "volatile" ? target.volatile : target[name](...args);
  }
  await client.ping(); // answered after what was sent before
  process.stdout.write("\n");
}
await client.quit();
