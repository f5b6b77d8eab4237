// Connects the official socket.io-client, as it comes, to every seat that the first line of standard input names, and
// prints what happens as JSON lines. Ends when standard input does.
import { createInterface } from "node:readline";
import { io } from "socket.io-client";

const AGAIN_MS = 200;

function say(line) {
  process.stdout.write(JSON.stringify(line) + "\n");
}

function sit({ seat, url, token, transports }) {
  const socket = io(url, {
    path: "/ws/socket.io",
    auth: { token },
    transports,
    forceNew: true,
    reconnectionDelay: 100,
    reconnectionDelayMax: 1000,
  });
  socket.on("connect", () => say({ seat, recovered: socket.recovered }));
  socket.on("events", (body, position) => {
    say({ seat, position, message: body.message_id, kind: body.data.type, data: body.data.data });
  });
  // A server that says no, or goodbye, is asked again by the application, not by the library.
  const again = () => socket.active || setTimeout(() => socket.connect(), AGAIN_MS);
  socket.on("connect_error", again);
  socket.on("disconnect", again);
}

const input = createInterface({ input: process.stdin });
input.once("line", (line) => JSON.parse(line).forEach(sit));
input.once("close", () => process.exit(0));
