// A WebSocket for pages that is none: a link over one stream of a WebTransport session, for a server that speaks
// QUIC. It comes into play on pages whose URL has ?transport=webtransport, for our client (createSessionSocket) and
// for the Shiny client (Shiny.createSocket); on other URLs both use their WebSocket as if this were not here.
//
//   <script src="webtransport.js" data-url="https://127.0.0.1:4433/" data-certificate-hash="…"></script>
//
//   data-url                 where the server is; an address that stands for all of its machine's (0.0.0.0) is taken
//                            for the host of the page
//   data-certificate-hash    SHA-256 of its certificate, in hex or base64: for one that nobody has signed
//
// It may stand anywhere in the page. The page must be of a secure context: https, or http on this machine
// (http://127.0.0.1, http://localhost). A Content-Security-Policy allows it with the server's origin in connect-src.
//
// On the stream go records: a kind (one byte), a length (four, big endian), a payload.

(() => {
  "use strict";

  const TEXT = 0;
  const BINARY = 1;
  const CLOSE = 2;
  const OPEN = 16;
  const HEADER = 5;

  const NO_CODE = 1005; // closed in good order without a code
  const LOST = 1006;
  const PROTOCOL = 1002;
  const NOT_UTF8 = 1007;
  const CLOSE_TEXT_BYTES = 123;
  const LAST_WORDS_MS = 5000; // for the other side to answer a close, and to have what was sent before

  const STATES = { CONNECTING: 0, OPEN: 1, CLOSING: 2, CLOSED: 3 };

  class WebTransportSocket extends EventTarget {
    #options;
    #transport = null;
    #reader = null;
    #writer = null;
    #ending = null; // while the end of our direction is on its way
    #steps = []; // what waits for a blob to be read, that blob first

    readyState = STATES.CONNECTING;
    bufferedAmount = 0;
    binaryType = "blob";
    protocol = "";
    extensions = "";
    onopen = null;
    onmessage = null;
    onerror = null;
    onclose = null;

    // `certificateHash`, if given, is what the attribute says; `path` goes into the head of the link.
    constructor(url, { certificateHash = "", path = "/" } = {}) {
      super();
      this.url = String(url);
      this.#options = { certificateHash, path };
      for (const type of ["open", "message", "error", "close"]) {
        this.addEventListener(type, (event) => this[`on${type}`]?.(event));
      }
      this.#run();
    }

    send(data) {
      if (this.readyState === STATES.CONNECTING) throw new DOMException("The link is not open yet.", "InvalidStateError");
      if (this.readyState !== STATES.OPEN) return; // as a WebSocket does
      if (typeof data === "string") this.#write(TEXT, encode(data));
      else if (data instanceof ArrayBuffer) this.#write(BINARY, new Uint8Array(data));
      else if (ArrayBuffer.isView(data)) this.#write(BINARY, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
      else if (data instanceof Blob) this.#writeBlob(data);
      else throw new TypeError("What is sent is a string, an ArrayBuffer, a view of one, or a Blob.");
    }

    close(code, reason = "") {
      if (code !== undefined && code !== 1000 && !(code >= 3000 && code <= 4999)) {
        throw new DOMException(`A page cannot close with code ${code}.`, "InvalidAccessError");
      }
      if (encode(reason).length > CLOSE_TEXT_BYTES) {
        throw new DOMException(`A reason has at most ${CLOSE_TEXT_BYTES} bytes.`, "SyntaxError");
      }
      if (this.readyState >= STATES.CLOSING) return;
      const open = this.readyState === STATES.OPEN;
      this.readyState = STATES.CLOSING;
      if (!open) return this.#lose();
      this.#end(code, reason);
      setTimeout(() => this.#lose(), LAST_WORDS_MS);
    }

    // From the session to the end of the link.
    async #run() {
      try {
        await this.#connect();
        const records = new Records();
        for (;;) {
          const { value, done } = await this.#reader.read();
          if (done) break; // an end without a reason is none
          records.add(value);
          for (let record = records.next(); record; record = records.next()) {
            if (this.#receive(record)) return;
          }
        }
      } catch (error) {
        if (this.readyState < STATES.CLOSING) console.warn("The link over WebTransport failed.", error);
      }
      this.#lose();
    }

    async #connect() {
      const { certificateHash, path } = this.#options;
      if (!window.WebTransport) throw new Error("There is no WebTransport in this browser, or not on a page that is not secure.");
      const options = {};
      if (certificateHash) options.serverCertificateHashes = [{ algorithm: "sha-256", value: parseHash(certificateHash) }];
      const transport = new WebTransport(this.url, options);
      this.#transport = transport;
      transport.closed.catch(() => {}); // the streams tell as well
      await transport.ready;
      const { readable, writable } = await transport.createBidirectionalStream();
      if (this.readyState !== STATES.CONNECTING) throw new Error("The link was closed before it was open.");
      this.#reader = readable.getReader();
      this.#writer = writable.getWriter();
      for (const half of [this.#reader, this.#writer]) half.closed.catch(() => {}); // told by what is read
      // The server speaks first, and a stream is invisible until something is written.
      this.#write(OPEN, encode(JSON.stringify({ method: "GET", path, headers: [] })));
      this.readyState = STATES.OPEN;
      this.dispatchEvent(new Event("open"));
    }

    #write(kind, payload) {
      const record = framed(kind, payload);
      this.bufferedAmount += payload.length;
      this.#inTurn(() => this.#put(record));
    }

    // A blob has to be read before it can be sent. The Shiny client makes one of a request that takes blobs along.
    #writeBlob(blob) {
      this.bufferedAmount += blob.size;
      const read = blob.arrayBuffer();
      this.#inTurn(read.then((bytes) => () => this.#put(framed(BINARY, new Uint8Array(bytes)))));
    }

    #put(record) {
      const gone = () => (this.bufferedAmount -= record.length - HEADER);
      this.#writer.write(record).then(gone, () => {}); // that it fails is told by what is read
    }

    // Does steps in the order they are given, at once unless one of them is still a promise.
    #inTurn(step) {
      this.#steps.push(step);
      if (this.#steps.length === 1) this.#go();
    }

    #go() {
      while (this.#steps.length) {
        const [step] = this.#steps;
        if (typeof step !== "function") {
          const go = (step) => {
            this.#steps[0] = step;
            this.#go();
          };
          step.then(go, () => this.#lose()); // as a WebSocket is when a file is gone that it has to send
          return;
        }
        step();
        this.#steps.shift();
      }
    }

    // Whether the link is over.
    #receive({ kind, payload }) {
      if (kind === TEXT) {
        let text;
        try {
          text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(payload);
        } catch {
          return this.#fail(NOT_UTF8, "a text is not UTF-8");
        }
        this.#deliver(text);
      } else if (kind === BINARY) {
        const buffer = payload.slice().buffer;
        this.#deliver(this.binaryType === "blob" ? new Blob([buffer]) : buffer);
      } else if (kind === CLOSE) {
        const code = payload.length < 2 ? NO_CODE : (payload[0] << 8) | payload[1];
        if (this.readyState === STATES.OPEN) this.#end(code === NO_CODE ? undefined : code, "");
        this.#finish(code, new TextDecoder().decode(payload.subarray(2)), true);
        return true;
      } else {
        return this.#fail(PROTOCOL, `a link has no records of kind ${kind}`);
      }
      return false;
    }

    #deliver(data) {
      // What comes after a close of our own is taken and not shown, until the other side has answered.
      if (this.readyState === STATES.OPEN) this.dispatchEvent(new MessageEvent("message", { data, origin: new URL(this.url).origin }));
    }

    // Ends our direction, with the reason.
    #end(code, reason) {
      const text = encode(reason);
      const payload = new Uint8Array(code === undefined ? 0 : 2 + text.length);
      if (code !== undefined) {
        new DataView(payload.buffer).setUint16(0, code);
        payload.set(text, 2);
      }
      this.#write(CLOSE, payload);
      const end = () => this.#writer.close().catch(() => {});
      this.#ending = new Promise((ended) => this.#inTurn(() => ended(end())));
    }

    // The other side broke the protocol.
    #fail(code, reason) {
      if (this.readyState === STATES.OPEN) this.#end(code, reason);
      this.dispatchEvent(new Event("error"));
      this.#finish(code, reason, false);
      return true;
    }

    // The other side is gone, or never was there.
    #lose() {
      if (this.readyState === STATES.CLOSED) return;
      this.dispatchEvent(new Event("error"));
      this.#finish(LOST, "", false);
    }

    #finish(code, reason, wasClean) {
      this.readyState = STATES.CLOSED;
      this.dispatchEvent(new CloseEvent("close", { code, reason, wasClean }));
      const transport = this.#transport;
      const late = new Promise((resolve) => setTimeout(resolve, LAST_WORDS_MS));
      // A session that is closed takes along what is still on its way.
      Promise.race([this.#ending, late]).then(() => {
        try {
          transport?.close();
        } catch {
          // It is closed already.
        }
      });
    }
  }

  for (const [name, value] of Object.entries(STATES)) {
    for (const owner of [WebTransportSocket, WebTransportSocket.prototype]) Object.defineProperty(owner, name, { value });
  }

  // Bytes as they come, records as they are whole.
  class Records {
    #pieces = [];
    #length = 0;

    add(piece) {
      this.#pieces.push(piece);
      this.#length += piece.length;
    }

    // The next record, or null as long as it is not whole.
    next() {
      if (this.#length < HEADER) return null;
      const header = this.#front(HEADER);
      const length = new DataView(header.buffer, header.byteOffset).getUint32(1);
      if (this.#length < HEADER + length) return null;
      const record = this.#front(HEADER + length);
      this.#length -= record.length;
      const rest = this.#pieces[0].subarray(record.length);
      if (rest.length) this.#pieces[0] = rest;
      else this.#pieces.shift();
      return { kind: record[0], payload: record.subarray(HEADER) };
    }

    // The first bytes in one piece, which they then are.
    #front(length) {
      if (this.#pieces[0].length < length) {
        let taken = 0;
        let end = 0;
        while (taken < length) taken += this.#pieces[end++].length;
        const whole = new Uint8Array(taken);
        let at = 0;
        for (const piece of this.#pieces.splice(0, end)) {
          whole.set(piece, at);
          at += piece.length;
        }
        this.#pieces.unshift(whole);
      }
      return this.#pieces[0].subarray(0, length);
    }
  }

  function framed(kind, payload) {
    const record = new Uint8Array(HEADER + payload.length);
    record[0] = kind;
    new DataView(record.buffer).setUint32(1, payload.length);
    record.set(payload, HEADER);
    return record;
  }

  const encode = (text) => new TextEncoder().encode(text);

  function parseHash(text) {
    const bytes = /^[0-9a-f]{64}$/i.test(text)
      ? text.match(/../g).map((digits) => parseInt(digits, 16))
      : [...atob(text.replaceAll("-", "+").replaceAll("_", "/"))].map((letter) => letter.charCodeAt(0));
    if (bytes.length !== 32) throw new Error("data-certificate-hash is not the SHA-256 of a certificate.");
    return new Uint8Array(bytes);
  }

  window.WebTransportSocket = WebTransportSocket;

  const { url = "", certificateHash } = document.currentScript?.dataset ?? {};
  if (new URLSearchParams(location.search).get("transport") !== "webtransport") return;

  function connect() {
    const target = new URL(url, location.href);
    if (["0.0.0.0", "[::]"].includes(target.hostname)) target.hostname = location.hostname;
    const socket = new window.WebTransportSocket(target, { certificateHash, path: location.pathname + location.search });
    socket.binaryType = "arraybuffer";
    return socket;
  }

  function install() {
    window.createSessionSocket = connect;
    if (window.Shiny) window.Shiny.createSocket = connect;
  }

  install();
  // The Shiny client may be loaded after this; it connects after the whole document is there.
  document.addEventListener("DOMContentLoaded", install);
})();
