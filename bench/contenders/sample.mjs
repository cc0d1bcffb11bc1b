// What the servers on Node.js and Bun do, written once for both.
// MODE is "loud": the count to everyone on each connection and disconnection, as in the sample of 2011;
// "quiet": the same, once SIGUSR2 has come; or "shapes": no counts, but what bench/shapes asks for.

export function attach(io, mode = "loud") {
  if (mode === "shapes") return attachShapes(io);
  let tells = mode !== "quiet";
  let count = 0;
  process.on("SIGUSR2", () => (tells = true));
  io.on("connection", (socket) => {
    count += 1;
    if (tells) io.emit("user connected", count);
    socket.on("disconnect", () => {
      count -= 1;
      if (tells) io.emit("user disconnected", count);
    });
  });
}

// "enter room" enters the room; "say" has everyone of the page, or of the room, told a text of so many characters.
function attachShapes(io) {
  const serve = (socket) => {
    socket.on("enter room", () => socket.join("room"));
    socket.on("say", (room, size) => {
      const text = "x".repeat(size);
      if (room) socket.nsp.to(room).emit("said", text);
      else socket.nsp.emit("said", text);
    });
  };
  io.on("connection", serve);
  io.of(/^\/page\//).on("connection", serve);
}
