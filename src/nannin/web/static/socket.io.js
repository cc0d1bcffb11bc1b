// Socket.IO's client (Engine.IO 4, Socket.IO 5), called as the official one; no onAny, no retries.
(() => {
  "use strict";

  const [OPEN, CLOSE, PING, PONG, MESSAGE, UPGRADE, NOOP] = "0123456";
  const [CONNECT, DISCONNECT, EVENT, ACK, CONNECT_ERROR, BINARY_EVENT] = "012345";
  const home = document.currentScript?.src.match(/^[^?#]+\/socket\.io\//)?.[0];

  // A page's error hurts nothing else.
  const call = (handler, self, args) => {
    try {
      handler.apply(self, args);
    } catch (error) {
      reportError(error);
    }
  };

  class Emitter {
    handlers = [];

    on(event, handler, once) {
      this.handlers = [...this.handlers, { event, handler, once }];
      return this;
    }

    once(event, handler) {
      return this.on(event, handler, true);
    }

    off(event, handler) {
      this.handlers = this.handlers.filter((entry) => (event && entry.event != event) || (handler && entry.handler != handler));
      return this;
    }

    fire(event, ...args) {
      for (const entry of this.handlers) {
        if (entry.event != event) continue;
        if (entry.once) this.off(event, entry.handler);
        call(entry.handler, this, args);
      }
    }
  }

  const webSocket = (manager, id) => {
    const ws = new WebSocket(manager.address("websocket", id));
    const transport = {
      name: "websocket",
      flush: (queue) => queue.splice(0).forEach((packet) => ws.readyState < 2 && ws.send(packet)),
      close() {
        if (ws.readyState) ws.close();
        else ws.onopen = transport.close; // or it complains
      },
    };
    ws.binaryType = "arraybuffer";
    ws.onopen = () => id && ws.send(PING + "probe");
    ws.onmessage = ({ data }) => manager.receive(data, transport);
    ws.onerror = ws.onclose = ({ type }) => manager.lost(transport, "transport " + type, "websocket error");
    return transport;
  };

  const polling = (manager) => {
    const request = async (body) => {
      const response = await fetch(manager.address("polling", transport.id), {
        method: body ? "POST" : "GET",
        body,
        cache: "no-store",
        keepalive: body == CLOSE, // it outlives the page
      });
      if (!response.ok) throw response;
      return response.text();
    };
    const read = async () => {
      do {
        for (const packet of (await request()).split("\x1e")) {
          const binary = packet[0] == "b" && Uint8Array.from(atob(packet.slice(1)), (char) => char.charCodeAt()).buffer;
          manager.receive(binary || packet, transport);
        }
      } while (!transport.paused && !transport.closed);
    };
    const write = async (queue) => {
      await null; // one POST a turn
      while (queue.length && !transport.paused) {
        const packets = [];
        // Some servers refuse over 16 packets.
        for (let size = -1; queue.length && packets.length < 16; packets.push(queue.shift())) {
          if (typeof queue[0] != "string") {
            const bytes = new Uint8Array(await new Blob([queue[0]]).arrayBuffer());
            queue[0] = "b" + btoa(bytes.reduce((text, byte) => text + String.fromCharCode(byte), ""));
          }
          size += new Blob([queue[0]]).size + 1;
          if (packets.length && size > manager.session.maxPayload) break;
        }
        await request(packets.join("\x1e"));
      }
      transport.writing = null;
    };
    const lost = () => manager.lost(transport, "transport error", "polling error");
    const transport = {
      name: "polling",
      flush(queue) {
        this.writing ||= write(queue).catch(lost);
      },
      close(queue) {
        this.closed = true;
        this.paused = false;
        if (!this.id) return;
        queue.push(CLOSE);
        this.flush(queue);
      },
    };
    transport.reading = read().catch(lost);
    return transport;
  };

  // A page in the back/forward cache has no visitor.
  const running = new Set();
  addEventListener("pagehide", () => running.forEach((manager) => manager.end("transport close", null, "asleep")));
  addEventListener("pageshow", ({ persisted }) => persisted && running.forEach((manager) => manager.open()));

  // A session, opened again when lost.
  class Manager extends Emitter {
    nsps = {};
    readyState = "closed"; // or opening, open, waiting, asleep
    attempts = 0;
    engine = this;

    constructor(uri, opts) {
      super();
      this.uri = uri;
      this.opts = {
        transports: ["websocket", "polling"],
        timeout: 20000,
        reconnection: true,
        reconnectionAttempts: Infinity,
        reconnectionDelay: 1000,
        reconnectionDelayMax: 5000,
        randomizationFactor: 0.5,
        ...opts,
      };
    }

    get sockets() {
      return Object.values(this.nsps).filter((socket) => socket.active);
    }

    address(transport, id) {
      const query = new URLSearchParams(this.opts.query);
      query.set("EIO", 4);
      query.set("transport", transport);
      if (id) query.set("sid", id);
      query.set("t", Math.random());
      return this.uri.replace("http", transport == "polling" ? "http" : "ws") + "?" + query;
    }

    // One for each state.
    wait(ms, then) {
      clearTimeout(this.timer);
      this.timer = setTimeout(then, ms);
    }

    open() {
      if (/open/.test(this.readyState)) return;
      running.add(this);
      this.readyState = "opening";
      this.untried = [...this.opts.transports];
      this.queue = [];
      this.tryNext();
    }

    tryNext() {
      const transport = (this.transport = (this.untried.shift() == "polling" ? polling : webSocket)(this));
      this.wait(this.opts.timeout / this.opts.transports.length, () => {
        transport.close([]);
        this.lost(transport, "transport error", "timeout");
      });
    }

    receive(packet, transport) {
      const type = packet[0];
      if (transport == this.probe) this.upgrade(packet);
      else if (type == OPEN) this.handshake(JSON.parse(packet.slice(1)), transport);
      else if (transport != this.transport) return;
      else if (this.readyState == "opening") this.lost(transport, "parse error", "no handshake");
      else if (this.readyState != "open" || type == NOOP) return;
      else if (type == CLOSE) this.lost(transport, "transport close");
      else if (type == PING) {
        this.expectPing();
        this.send([PONG]);
      } else this.decode(packet);
    }

    handshake(session, transport) {
      transport.id = session.sid;
      if (transport != this.transport || this.readyState != "opening") return transport.close([]);
      this.readyState = "open";
      this.session = session;
      this.expectPing();
      for (const socket of this.sockets) socket.join();
      if (this.attempts) this.fire("reconnect", this.attempts);
      this.attempts = 0;
      if (session.upgrades.length && this.untried.length) this.probe = webSocket(this, transport.id);
    }

    expectPing() {
      this.wait(this.session.pingInterval + this.session.pingTimeout, () => this.end("ping timeout"));
    }

    async upgrade(packet) {
      const { probe, transport } = this;
      if (packet != PONG + "probe") return probe.close();
      transport.paused = true; // the server ends its poll
      await Promise.all([transport.reading, transport.writing]);
      if (probe != this.probe) return;
      this.probe = null;
      this.transport = probe;
      this.queue.unshift(UPGRADE);
      this.send([]);
      this.fire("upgrade", probe);
    }

    send(packets) {
      this.queue.push(...packets);
      this.transport.flush(this.queue);
    }

    lost(transport, reason, message) {
      if (transport != (this.transport.paused ? this.probe : this.transport)) return;
      transport.id = "";
      if (this.readyState == "opening" && this.untried.length) this.tryNext();
      else this.end(reason, new Error(message));
    }

    end(reason, error, next) {
      const { readyState, attempts, opts } = this;
      const wasUp = /open/.test(readyState);
      if (!wasUp && !next) return;
      next ??= opts.reconnection && attempts < opts.reconnectionAttempts ? "waiting" : "closed";
      this.readyState = next;
      clearTimeout(this.timer);
      if (next == "closed") {
        running.delete(this);
        this.attempts = 0;
      }
      if (!wasUp) return;
      this.probe = this.probe?.close();
      this.transport.close(this.queue);
      for (const socket of this.sockets) {
        if (readyState == "open") socket.lost(reason, error);
        else if (error) socket.fire("connect_error", error);
      }
      if (error && attempts && next == "closed") this.fire("reconnect_failed");
      if (this.readyState != "waiting") return;
      const { reconnectionDelay, reconnectionDelayMax, randomizationFactor } = opts;
      const delay = Math.min(reconnectionDelay * 2 ** this.attempts++, reconnectionDelayMax / (1 + randomizationFactor));
      this.wait(delay * (1 + randomizationFactor * (Math.random() * 2 - 1)), () => {
        this.fire("reconnect_attempt", this.attempts);
        if (this.readyState == "waiting") this.open();
      });
    }

    close() {
      this.end("forced close");
    }

    leave(socket) {
      socket.active = false;
      if (!this.sockets.length) this.end("forced close", null, "closed");
    }

    decode(packet) {
      try {
        if (typeof packet == "string") {
          this.head = /^4([0-6])(?:(\d+)-)?(?:(\/[^,]*),?)?(\d*)(.*)$/s.exec(packet);
          this.attachments = [];
        } else this.attachments.push(packet);
        const { attachments } = this;
        const [, type, count = 0, nsp = "/", id, json] = this.head;
        if (attachments.length != count) return;
        const content = json && JSON.parse(json, count && ((key, value) => (value?._placeholder ? attachments[value.num] : value)));
        this.nsps[nsp]?.receive(type, content, id);
      } catch (error) {
        this.end("parse error", error);
      }
    }
  }

  class Socket extends Emitter {
    connected = false;
    recovered = false;
    active = false; // wants to be
    flags = {};
    ids = 0;
    acks = new Map();
    buffer = []; // emitted while not connected
    open = this.connect;
    close = this.disconnect;

    constructor(io, nsp, auth) {
      super();
      Object.assign(this, { io, nsp, auth });
    }

    get disconnected() {
      return !this.connected;
    }

    get volatile() {
      this.flags.volatile = true;
      return this;
    }

    timeout(ms) {
      this.flags.timeout = ms;
      return this;
    }

    connect() {
      const { io } = this;
      if (this.connected) return this;
      this.active = true;
      if (io.readyState == "open") this.join();
      else if (io.readyState == "closed") io.open();
      return this;
    }

    join() {
      const { queue } = this.io;
      if (this.joined == queue) return;
      this.joined = queue;
      const { pid, offset } = this;
      const send = (auth) => queue == this.io.queue && this.write(CONNECT, pid ? { pid, offset, ...auth } : auth);
      if (typeof this.auth == "function") call(this.auth, this, [send]);
      else send(this.auth);
    }

    disconnect() {
      if (this.connected) this.write(DISCONNECT);
      this.io.leave(this);
      this.lost("io client disconnect");
      return this;
    }

    lost(reason, error) {
      if (!this.connected) return;
      this.connected = false;
      this.id = undefined;
      for (const id of [...this.acks.keys()]) this.settle(id, new Error("socket has been disconnected"));
      this.fire("disconnect", reason, error);
    }

    encode(type, content, id = "") {
      const attachments = [];
      const text = JSON.stringify(content, (key, value) =>
        value instanceof ArrayBuffer || ArrayBuffer.isView(value) || value instanceof Blob
          ? { _placeholder: true, num: attachments.push(value) - 1 }
          : value,
      );
      const head = attachments.length ? `${+type + 3}${attachments.length}-` : type;
      return [MESSAGE + head + (this.nsp == "/" ? "" : this.nsp + ",") + id + (text ?? ""), ...attachments];
    }

    write(...packet) {
      this.io.send(this.encode(...packet));
    }

    send(...args) {
      return this.emit("message", ...args);
    }

    emit(event, ...args) {
      if (/^((dis)?connect|connect_error|disconnecting)$/.test(event)) throw new Error(`"${event}" is a reserved event name`);
      const { volatile, timeout, withError = timeout } = this.flags;
      this.flags = {};
      const answer = typeof args.at(-1) == "function" && args.pop();
      const id = answer ? this.ids++ : "";
      const packets = this.encode(EVENT, [event, ...args], id);
      if (answer) this.acks.set(id, withError ? answer : (error, ...args) => error || answer(...args));
      if (answer && timeout) setTimeout(() => this.settle(id, new Error("operation has timed out")), timeout);
      if (!this.connected) volatile || this.buffer.push({ id, packets });
      else if (!volatile || !this.io.transport.writing) this.io.send(packets);
      return this;
    }

    emitWithAck(...args) {
      return new Promise((resolve, reject) => {
        this.flags.withError = true;
        this.emit(...args, (error, value) => (error ? reject(error) : resolve(value)));
      });
    }

    settle(id, error, args = []) {
      const answer = this.acks.get(id);
      this.acks.delete(id);
      this.buffer = this.buffer.filter((emit) => emit.id !== id);
      if (answer) call(answer, this, [error, ...args]);
    }

    receive(type, content, id) {
      this.joined = null;
      if (!this.active) return type == CONNECT && this.write(DISCONNECT);
      if (type == CONNECT) {
        this.connected = true;
        this.id = content.sid;
        this.recovered = !!this.pid && this.pid == content.pid;
        this.pid = content.pid;
        this.buffer.splice(0).forEach(({ packets }) => this.io.send(packets));
        this.fire("connect");
      } else if (type == CONNECT_ERROR) {
        this.io.leave(this);
        this.fire("connect_error", Object.assign(new Error(content.message), content));
      } else if (type == DISCONNECT) {
        this.io.leave(this);
        this.lost("io server disconnect");
      } else if (type == EVENT || type == BINARY_EVENT) {
        if (this.pid && typeof content.at(-1) == "string") this.offset = content.at(-1);
        if (id) content.push((...args) => this.connected && this.write(ACK, args, id));
        this.fire(...content);
      } else this.settle(+id, null, content);
    }
  }

  const host = ({ hostname }) => hostname.replace(/^(127\.0\.0\.1|\[::1\])$/, "localhost");
  const managers = {};
  const io = (address = "", opts = {}) => {
    if (typeof address == "object") return io("", address);
    const [, protocol = "", authority, path, query] = /^(?:(\w+:)?\/\/)?([^/?#]*)([^?#]*)\??([^#]*)/.exec(address);
    const nsp = path || "/";
    let at = new URL(authority && protocol.replace("ws", "http") + "//" + authority, location);
    const isHome = () => home?.startsWith(at.origin + "/");
    // As in 2011, the page's host without a port means the page's port.
    if (!isHome() && host(at) == host(location) && !/:\d+$/.test(authority) && at.protocol <= location.protocol) at = location;
    const uri = !opts.path && isHome() ? home : at.origin + (opts.path ?? "/socket.io").replace(/\/?$/, "/");
    const isAlone = opts.forceNew || opts["force new connection"] || opts.multiplex === false || managers[uri]?.nsps[nsp];
    const manager = (!isAlone && managers[uri]) || new Manager(uri, { query, ...opts });
    if (!isAlone) managers[uri] = manager;
    const socket = (manager.nsps[nsp] = new Socket(manager, nsp, opts.auth));
    return opts.autoConnect === false ? socket : socket.connect();
  };
  window.io = io.connect = io;
})();
