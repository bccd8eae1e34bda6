// What webtransport.js promises, told to it by a session that is played here. Each check gets a page of its own:
// the command opens webtransport.html, then calls `checks.run(name)` and prints what it says.

const checks = (() => {
  "use strict";

  const [TEXT, BINARY, CLOSE, OPEN] = [0, 1, 2, 16];
  const all = new Map();
  const sessions = [];

  // A session of the browser's, as far as the socket needs one.
  window.WebTransport = class {
    sent = []; // pieces
    ended = false; // our direction of the stream
    wasClosed = false;

    constructor(url, options) {
      Object.assign(this, { url, options });
      this.ready = new Promise((resolve, reject) => Object.assign(this, { accept: resolve, refuse: reject }));
      this.closed = new Promise(() => {});
      sessions.push(this);
    }

    async createBidirectionalStream() {
      const readable = new ReadableStream({ start: (input) => (this.input = input) });
      const writable = new WritableStream({
        write: (piece) => void this.sent.push(piece),
        close: () => void (this.ended = true),
      });
      return { readable, writable };
    }

    close() {
      this.wasClosed = true;
    }
  };

  // ---- what a check may use

  const bytesOf = (text) => [...new TextEncoder().encode(text)];
  const reason = (code, text) => [code >> 8, code & 255, ...bytesOf(text)];

  function record(kind, payload) {
    const bytes = new Uint8Array(5 + payload.length);
    bytes[0] = kind;
    new DataView(bytes.buffer).setUint32(1, payload.length);
    bytes.set(payload, 5);
    return bytes;
  }

  async function until(condition, what) {
    for (const start = performance.now(); performance.now() - start < 8000; ) {
      if (condition()) return;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    throw new Error(`waited in vain for ${what}`);
  }

  function same(got, wanted) {
    const [a, b] = [got, wanted].map((value) => JSON.stringify(value));
    if (a !== b) throw new Error(`got ${a}, wanted ${b}`);
  }

  function thrown(act) {
    try {
      act();
    } catch (error) {
      return error.name;
    }
    return "nothing";
  }

  // A socket, what it told, and the session it is over.
  function socket(options) {
    const made = new WebTransportSocket("https://played.example/", options);
    made.binaryType = "arraybuffer";
    const told = [];
    made.onopen = () => told.push("open");
    made.onmessage = ({ data }) => told.push(typeof data === "string" ? data : [...new Uint8Array(data)]);
    made.onerror = () => told.push("error");
    made.onclose = ({ code, reason, wasClean }) => told.push([code, reason, wasClean]);
    return { made, told, session: sessions.at(-1) };
  }

  async function open(options) {
    const all = socket(options);
    all.session.accept();
    await until(() => all.made.readyState === WebSocket.OPEN, "the link to open");
    await until(() => all.session.sent.length, "its first record");
    all.told.splice(0);
    return all;
  }

  const closed = ({ made }) => until(() => made.readyState === WebSocket.CLOSED, "the link to close");

  // ---- the checks

  all.set("without the word in the page's URL no client is told of it", () => {
    same([typeof window.createSessionSocket, typeof WebTransportSocket], ["undefined", "function"]);
  });

  all.set("it has the states of a WebSocket", () => {
    for (const name of ["CONNECTING", "OPEN", "CLOSING", "CLOSED"]) {
      same([WebTransportSocket[name], socket().made[name]], [WebSocket[name], WebSocket[name]]);
    }
  });

  all.set("a link opens with a record that tells the page's path", async () => {
    const { session } = await open({ path: "/app/?w=1" });
    const head = { method: "GET", path: "/app/?w=1", headers: [] };
    same([...session.sent[0]], [...record(OPEN, bytesOf(JSON.stringify(head)))]);
    same(session.ended, false);
  });

  all.set("frames are whole, however they come", async () => {
    const { session, told } = await open();
    const wire = [record(TEXT, bytesOf("hé")), record(BINARY, [1, 2, 3]), record(TEXT, []), record(TEXT, bytesOf("last"))];
    const bytes = wire.flatMap((piece) => [...piece]);
    for (const size of [1, 3, 7, bytes.length]) {
      for (let at = 0; at < bytes.length; at += size) session.input.enqueue(new Uint8Array(bytes.slice(at, at + size)));
      await until(() => told.length === 4, "four frames");
      same(told.splice(0), ["hé", [1, 2, 3], "", "last"]);
    }
  });

  all.set("a large frame comes in many pieces", async () => {
    const { session, told } = await open();
    const text = "0123456789".repeat(300_000);
    const bytes = record(TEXT, bytesOf(text));
    for (let at = 0; at < bytes.length; at += 16_384) session.input.enqueue(bytes.slice(at, at + 16_384));
    await until(() => told.length, "the frame");
    same(told[0] === text, true);
  });

  all.set("what is sent goes out as records, in order", async () => {
    const { made, session } = await open();
    made.send("hé");
    made.send(new Uint8Array([7, 8, 9]).subarray(1));
    made.send(new ArrayBuffer(2));
    same(made.bufferedAmount, 3 + 2 + 2);
    await until(() => made.bufferedAmount === 0, "what was sent to be gone");
    const expected = [record(TEXT, bytesOf("hé")), record(BINARY, [8, 9]), record(BINARY, [0, 0])];
    same(session.sent.slice(1).map((piece) => [...piece]), expected.map((piece) => [...piece]));
  });

  all.set("a blob is read before it goes, and what is sent after it waits", async () => {
    const { made, session } = await open();
    const after = new Uint8Array([3]);
    made.send(new Blob([new Uint8Array([1, 2])]));
    made.send(after);
    made.send(new Blob(["hé", "llo"]));
    made.send("last");
    same(made.bufferedAmount, 2 + 1 + 6 + 4);
    after[0] = 9; // not any more
    made.close(3001);
    await until(() => session.ended, "the end of our direction");
    const expected = [
      record(BINARY, [1, 2]),
      record(BINARY, [3]),
      record(BINARY, bytesOf("héllo")),
      record(TEXT, bytesOf("last")),
      record(CLOSE, reason(3001, "")),
    ];
    same(session.sent.slice(1).map((piece) => [...piece]), expected.map((piece) => [...piece]));
    same(made.bufferedAmount, 0);
  });

  all.set("a blob that cannot be read loses the link", async () => {
    const all = await open();
    const blob = new Blob(["x"]);
    blob.arrayBuffer = () => Promise.reject(new DOMException("gone", "NotFoundError"));
    all.made.send(blob);
    await closed(all);
    same(all.told, ["error", [1006, "", false]]);
  });

  all.set("sending is an error before the link is open, and nothing after its end", async () => {
    const { made, session, told } = socket();
    same(thrown(() => made.send("early")), "InvalidStateError");
    session.accept();
    await until(() => told.length, "the link to open");
    session.input.error(new Error("reset"));
    await closed({ made });
    same(thrown(() => made.send("late")), "nothing");
    same(thrown(() => made.send({})), "nothing");
  });

  all.set("the server's close tells code and reason, is answered, and then ends the session", async () => {
    const all = await open();
    all.session.input.enqueue(record(TEXT, bytesOf("before")));
    all.session.input.enqueue(record(CLOSE, reason(1012, "läter")));
    await closed(all);
    same(all.told, ["before", [1012, "läter", true]]);
    await until(() => all.session.wasClosed, "the session to end");
    same([[...all.session.sent.at(-1)], all.session.ended], [[...record(CLOSE, reason(1012, ""))], true]);
  });

  all.set("a close without a code is one", async () => {
    const all = await open();
    all.session.input.enqueue(record(CLOSE, []));
    await closed(all);
    same(all.told, [[1005, "", true]]);
  });

  all.set("a close of the page's own waits for the server's answer", async () => {
    const all = await open();
    all.made.close(3001, "döne");
    await until(() => all.session.ended, "the end of our direction");
    same([...all.session.sent.at(-1)], [...record(CLOSE, reason(3001, "döne"))]);
    same([all.made.readyState, all.session.wasClosed], [WebSocket.CLOSING, false]);
    all.session.input.enqueue(record(TEXT, bytesOf("too late")));
    all.session.input.enqueue(record(CLOSE, reason(3001, "")));
    await closed(all);
    same(all.told, [[3001, "", true]]);
    all.made.close();
    same(all.session.sent.filter((piece) => piece[0] === CLOSE).length, 1);
  });

  all.set("a server that does not answer a close is not waited for for ever", async () => {
    const all = await open();
    all.made.close();
    await closed(all);
    same(all.told, ["error", [1006, "", false]]);
    await until(() => all.session.wasClosed, "the session to end");
  });

  all.set("codes and reasons that a page may not give are refused", async () => {
    const { made } = await open();
    for (const code of [999, 1001, 1006, 2999, 5000, NaN]) same(thrown(() => made.close(code)), "InvalidAccessError");
    same(thrown(() => made.close(1000, "é".repeat(62))), "SyntaxError");
    same(made.readyState, WebSocket.OPEN);
  });

  all.set("a link that ends without a reason is lost", async () => {
    const all = await open();
    all.session.input.enqueue(record(TEXT, bytesOf("half")).slice(0, 7));
    all.session.input.close();
    await closed(all);
    same(all.told, ["error", [1006, "", false]]);
  });

  all.set("a link that is reset is lost", async () => {
    const all = await open();
    all.session.input.error(new Error("reset"));
    await closed(all);
    same(all.told, ["error", [1006, "", false]]);
  });

  all.set("a session that is refused is a lost link that never opened", async () => {
    const all = socket();
    all.session.refuse(new Error("no such server"));
    await closed(all);
    same(all.told, ["error", [1006, "", false]]);
  });

  all.set("a link that is closed before it opens never does", async () => {
    const all = socket();
    all.made.close();
    await closed(all);
    all.session.accept();
    await new Promise((resolve) => setTimeout(resolve, 20));
    same(all.told, ["error", [1006, "", false]]);
  });

  all.set("what is not the protocol closes with a code that says so", async () => {
    for (const [kind, payload, code] of [[TEXT, [0xff], 1007], [77, [], 1002]]) {
      const all = await open();
      all.session.input.enqueue(record(kind, payload));
      await closed(all);
      same([all.told[0], all.told[1][0], all.told[1][2]], ["error", code, false]);
      await until(() => all.session.ended, "the end of our direction");
      same([...all.session.sent.at(-1)].slice(5, 7), [code >> 8, code & 255]);
    }
  });

  all.set("the hash of the certificate is taken in hex and in base64", () => {
    const hash = Array.from({ length: 32 }, (_, at) => at * 8);
    const hex = hash.map((byte) => byte.toString(16).padStart(2, "0")).join("");
    const base64 = btoa(String.fromCharCode(...hash));
    for (const certificateHash of [hex, hex.toUpperCase(), base64, base64.replaceAll("+", "-").replaceAll("/", "_").replace("=", "")]) {
      const [{ algorithm, value }] = socket({ certificateHash }).session.options.serverCertificateHashes;
      same([algorithm, [...value]], ["sha-256", hash]);
    }
    same(socket().session.options.serverCertificateHashes, undefined);
  });

  all.set("a hash that is none loses the link before it opens", async () => {
    const sessionsBefore = sessions.length;
    const made = new WebTransportSocket("https://played.example/", { certificateHash: "abc" });
    await closed({ made });
    same(sessions.length, sessionsBefore);
  });

  return {
    names: () => [...all.keys()],
    run: async (name) => {
      try {
        await all.get(name)();
        return null;
      } catch (error) {
        return error.message;
      }
    },
  };
})();
