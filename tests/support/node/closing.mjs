// Ends sockets of an official client with the links that they are on, for the next test to begin without them.
const closed = (manager) =>
  new Promise((done) => {
    const { engine } = manager;
    if (engine && engine.readyState !== "closed") engine.once("close", done);
    else done();
    manager._close();
  });

export const closeAll = async (sockets) => {
  for (const socket of sockets) {
    socket.offAny();
    socket.removeAllListeners();
  }
  await Promise.all([...new Set(sockets.map((socket) => socket.io))].map(closed));
};
