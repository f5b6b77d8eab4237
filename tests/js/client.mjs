// The official Socket.IO client, unmodified, driven over stdin and stdout by one JSON value a line.
//
// In:  {id, do, name, …}, see `orders`. Out: {id, result} or {id, fault} for each, and {name, on, …} as things happen:
// connect {sid, recovered}, event {args}, disconnect {reason}, connect_error {message}. Everything in the order in
// which the client saw it. The program ends when stdin does.
import { createInterface } from "node:readline";
import { io } from "socket.io-client";

const sockets = new Map();
const say = (value) => process.stdout.write(JSON.stringify(value) + "\n");

const orders = {
  // url, options: as io() takes them.
  open({ name, url, options }) {
    const socket = io(url, { forceNew: true, ...options });
    sockets.set(name, socket);
    socket.on("connect", () => say({ name, on: "connect", sid: socket.id, recovered: socket.recovered === true }));
    socket.on("disconnect", (reason) => say({ name, on: "disconnect", reason }));
    socket.on("connect_error", (fault) => say({ name, on: "connect_error", message: fault.message }));
    socket.onAny((...args) => say({ name, on: "event", args }));
  },
  // The acknowledgement is the result.
  ask: ({ name, args, timeout }) => sockets.get(name).timeout(timeout).emitWithAck(...args),
  // The acknowledgement is not waited for.
  emit: ({ name, args }) => void sockets.get(name).emit(...args),
  // The link ends as if the network did it; the client reconnects by itself.
  cut: ({ name }) => void sockets.get(name).io.engine.close(),
  // What the client sends with its next CONNECT packet; it wins over the pid and offset that the client adds itself.
  auth: ({ name, auth }) => void (sockets.get(name).auth = auth),
  // The user leaves: the client says goodbye.
  close: ({ name }) => void sockets.get(name).disconnect(),
  // The same socket again, after `close` or a server's disconnect.
  reopen: ({ name }) => void sockets.get(name).connect(),
  // pid: undocumented, but only so can a test see that there is one.
  state({ name }) {
    const socket = sockets.get(name);
    const { connected, recovered, id, _pid: pid } = socket;
    return { connected, recovered, id, pid, transport: socket.io.engine?.transport?.name };
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const order = JSON.parse(line);
  Promise.resolve()
    .then(() => orders[order.do](order))
    .then((result = null) => say({ id: order.id, result }))
    .catch((fault) => say({ id: order.id, fault: String(fault) }));
}
process.exit();
