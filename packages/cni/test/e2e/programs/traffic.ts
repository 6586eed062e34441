// Serves, or asks, in the network namespace it was started in. A server answers with the address that the asker has for it;
// a source sends for as long as it is read.
import { createSocket } from "node:dgram";
import { connect, createServer } from "node:net";

const [mode, transport, host = "", portText = "0", timeoutText = "0"] = process.argv.slice(2);
const port = Number(portText);
const plain = (address = "") => address.replace(/^::ffff:/, "");

function serve(): void {
  if (transport === "tcp") {
    createServer((socket) => {
      socket.on("error", () => {});
      socket.end(plain(socket.remoteAddress));
    }).listen(port, () => console.log("ready"));
    return;
  }
  const socket = createSocket("udp6");
  socket.on("message", (_, from) => socket.send(plain(from.address), from.port, from.address));
  socket.bind(port, () => console.log("ready"));
}

function ask(): void {
  // Nobody answers what was dropped.
  setTimeout(() => process.exit(3), Number(timeoutText));
  const done = (text: string) => {
    console.log(text);
    process.exit(0);
  };
  if (transport === "tcp") {
    const socket = connect({ host, port });
    let text = "";
    socket.on("data", (bytes) => {
      text += String(bytes);
    });
    socket.on("end", () => done(text));
    socket.on("error", (error) => {
      console.error(error.message);
      process.exit(2);
    });
    return;
  }
  const socket = createSocket(host.includes(":") ? "udp6" : "udp4");
  socket.on("message", (bytes) => done(String(bytes)));
  const send = () => socket.send("?", port, host);
  send();
  // From the same port: what was lost on the way, or led to nobody, is asked again.
  setInterval(send, 200);
}

/** Sends packets of 1000 bytes without waiting for anything; where the time stands otherwise, their number does. */
async function flood(): Promise<void> {
  const socket = createSocket(host.includes(":") ? "udp6" : "udp4");
  const packet = new Uint8Array(1000);
  for (let left = Number(timeoutText); left > 0; left--) {
    await new Promise<void>((resolve) => socket.send(packet, port, host, () => resolve()));
  }
  socket.close();
}

function source(): void {
  const bytes = new Uint8Array(65_536);
  createServer((socket) => {
    socket.on("error", () => {});
    const fill = () => {
      while (socket.write(bytes));
    };
    socket.on("drain", fill);
    fill();
  }).listen(port, () => console.log("ready"));
}

/** Reads from a source, and tells how many bits a second have come from the first one on. */
function drain(): void {
  const forMs = Number(timeoutText);
  const socket = connect({ host, port });
  let bits = 0;
  let startedMs: number | undefined;
  socket.on("data", (bytes) => {
    bits += bytes.length * 8;
    const now = performance.now();
    startedMs ??= now;
    const tookMs = now - startedMs;
    if (tookMs < forMs) return;
    console.log(Math.round((bits / tookMs) * 1000));
    process.exit(0);
  });
  socket.on("error", (error) => {
    console.error(error.message);
    process.exit(2);
  });
}

const modes: Readonly<Record<string, () => unknown>> = { serve, ask, flood, source, drain };
await modes[mode ?? ""]?.();
