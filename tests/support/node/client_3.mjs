// The official client, 3.x. For each test it forgets its links.
import client from "socket.io-client-3";
import { drive } from "./driver.mjs";

drive(async () => {
  for (const id of Object.keys(client.managers)) delete client.managers[id];
  return client.io;
});
