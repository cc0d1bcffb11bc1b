// The official client, 3.x.
import client from "socket.io-client-3";
import { drive } from "./driver.mjs";

drive(client.io);
