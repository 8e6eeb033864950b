// Lets two nodes chat over their JSON-RPC: node smoke.mjs NATIVE WINE ANSER_EXE DIRECTORY
//
// The native one listens on the loopback, the other is given its address; each sends a message and
// sees the other's, and each is told that its own was delivered. Waits only for what the programs say.

import { spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";

const PATIENCE_MS = 120_000;
const [native, wine, exe, directory] = process.argv.slice(2);

class Node {
  #name;
  #child;
  #next = 1;
  #answers = new Map();
  #events = [];
  #waiting = [];

  constructor(name, program, before, options) {
    this.#name = name;
    const data = join(directory, name);
    mkdirSync(data, { recursive: true });
    const common = ["--no-mdns", "--protection", "file", "--name", name, "--data", data, "rpc"];
    this.#child = spawn(program, [...before, ...options, ...common], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.#child.on("error", (error) => fail(`${name} cannot be started: ${error.message}`));
    this.#child.on("exit", (code) => this.stopping || fail(`${name} ended by itself with code ${code}`));
    createInterface({ input: this.#child.stdout }).on("line", (line) => this.#heard(line));
  }

  #heard(line) {
    const message = JSON.parse(line);
    if (message.method === "event") {
      this.#events.push(message.params);
      this.#waiting = this.#waiting.filter((look) => !look());
    } else if (message.error) {
      fail(`${this.#name}: ${message.error.message}`);
    } else {
      this.#answers.get(message.id)?.(message.result);
    }
  }

  call(method, params = {}) {
    const id = this.#next++;
    this.#child.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", id, method, params })}\n`);
    return new Promise((resolve) => this.#answers.set(id, resolve));
  }

  /** The first event, past or to come, for which `found` gives something: that something. */
  event(found) {
    return new Promise((resolve) => {
      const look = () => {
        for (const event of this.#events) {
          const result = found(event);
          if (result) return resolve(result), true;
        }
        return false;
      };
      if (!look()) this.#waiting.push(look);
    });
  }

  text(wanted) {
    return this.event((e) => e.type === "message.added" && e.message.text === wanted && e.message);
  }

  stop() {
    this.stopping = true;
    this.#child.stdin.end();
    return new Promise((resolve) => this.#child.on("exit", resolve));
  }
}

function fail(why) {
  console.error(`error: ${why}`);
  process.exit(1);
}

const deadline = setTimeout(
  () => fail(`not done after ${PATIENCE_MS / 1000} s; last step: ${step}`),
  PATIENCE_MS,
);
let step = "";
const at = (what) => console.log((step = what));

at("starting the native node");
const alice = new Node("Alice", native, [], ["--listen", "/ip4/127.0.0.1/tcp/0"]);
await alice.call("events.subscribe");
const address = await new Promise((resolve) => {
  const look = async () => {
    const { addresses } = await alice.call("account.get");
    const found = addresses.find((one) => one.startsWith("/ip4/127.0.0.1/tcp/"));
    if (found) resolve(found);
    else alice.event((e) => e.type === "account.changed").then(look);
  };
  look();
});

at(`starting anser.exe with the seed ${address}`);
const options = ["--listen", "/ip4/127.0.0.1/tcp/0", "--seed", address];
const bob = new Node("Bob", wine, [exe], options);
await bob.call("events.subscribe");
await bob.call("account.get");

at("waiting until the native node sees the other");
const { peers } = await alice.call("peer.list");
const peer =
  peers.find((one) => one.online && one.name === "Bob") ??
  (await alice.event((e) => e.type === "peer.changed" && e.peer.online && e.peer.name === "Bob" && e.peer));

at("native → Windows");
const { conversation } = await alice.call("conversation.direct", { account: peer.account });
const sent = await alice.call("message.send", { conversation, text: "Hello, Windows" });
const received = await bob.text("Hello, Windows");

at("Windows → native");
await bob.call("conversation.accept", { conversation: received.conversation });
await bob.call("message.send", { conversation: received.conversation, text: "你好, Linux" });
await alice.text("你好, Linux");

at("waiting for the receipt");
const delivered = async () => {
  const { state } = await alice.call("message.get", { message: sent.message });
  return state === "delivered" || state === "read";
};
const seen = new Set();
while (!(await delivered())) {
  seen.add(await alice.event((e) => e.type === "receipt.changed" && !seen.has(e) && e));
}

await Promise.all([alice.stop(), bob.stop()]);
clearTimeout(deadline);
console.log("A native node and anser.exe chatted in both directions.");
