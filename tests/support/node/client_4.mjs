// The official client, 4.x. It is loaded anew for each test, since it remembers its links.
import { drive } from "./driver.mjs";

let loads = 0;
drive(async () => (await import(`${import.meta.resolve("socket.io-client")}?${(loads += 1)}`)).io);
