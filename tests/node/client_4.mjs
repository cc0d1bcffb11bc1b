// The official client, 4.x.
import { io } from "socket.io-client";
import { drive } from "./driver.mjs";

drive(io);
