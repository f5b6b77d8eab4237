// Node's Socket.IO with the Redis streams adapter and its connection state recovery, as its documentation has it:
// https://socket.io/docs/v4/redis-streams-adapter/ and https://socket.io/docs/v4/connection-state-recovery
// A client names its rooms when it connects. CLIENT: the Redis package, ioredis or redis.
import { createServer } from 'node:http';
import { createAdapter } from '@socket.io/redis-streams-adapter';
import { Server } from 'socket.io';

const { CLIENT, MAX_LEN, PORT, REDIS_URL } = process.env;

async function connect() {
  if (CLIENT === 'ioredis') {
    const { Redis } = await import('ioredis');
    return new Redis(REDIS_URL);
  }
  const { createClient } = await import('redis');
  const client = createClient({ url: REDIS_URL });
  await client.connect();
  return client;
}

const http = createServer();
const io = new Server(http, {
  adapter: createAdapter(await connect(), { maxLen: Number(MAX_LEN) }),
  connectionStateRecovery: { maxDisconnectionDuration: 600_000 },
});
io.on('connection', (socket) => {
  if (!socket.recovered) socket.join(socket.handshake.auth.rooms);
});
http.listen(Number(PORT), '127.0.0.1');
