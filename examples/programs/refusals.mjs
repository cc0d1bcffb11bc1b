import { io } from "socket.io-client";

const url = process.argv[2] ?? "http://127.0.0.1:8124";
for (const auth of [{}, { ticket: "forged" }, { ticket: "a-ticket" }, { ticket: "the-host" }]) {
  const socket = io(url, { auth, forceNew: true });
  const error = await new Promise((done) => {
    socket.on("connect", () => done());
    socket.on("connect_error", done);
  });
  if (error) console.log(error.message, error.data);
  else console.log(await socket.emitWithAck("close the doors"));
  socket.disconnect();
}
