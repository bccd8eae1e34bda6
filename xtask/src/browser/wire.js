// Runs before the page's own scripts: notes which sockets the page opens, what goes over them and how they close, for
// the steps to look at; and what goes wrong in the page, though nobody wrote it to the console.

(() => {
  "use strict";

  window.wire = {
    sockets: [],
    closes: [],
    sent: [],
    received: [],
    errors: [],
    // What the server told of outputs that the Shiny client's state machine does not allow, and how often it was allowed.
    illegal: [],
    transitions: 0,
  };

  addEventListener(
    "error",
    ({ message, filename, target }) => window.wire.errors.push(message ? `${message} (${filename})` : `not loaded: ${target.src || target.href}`),
    true,
  );
  addEventListener("unhandledrejection", ({ reason }) => window.wire.errors.push(`unhandled: ${reason?.stack ?? reason}`));

  function watched(Socket, name) {
    return class extends Socket {
      constructor(...args) {
        super(...args);
        window.wire.sockets.push(name);
        const outputs = new Outputs();
        this.addEventListener("message", ({ data }) => {
          window.wire.received.push(shown(data));
          if (typeof data === "string") outputs.take(data);
        });
        this.addEventListener("close", ({ code, reason }) => window.wire.closes.push({ code, reason }));
      }
      send(data) {
        window.wire.sent.push(shown(data));
        super.send(data);
      }
    };
  }

  const shown = (data) => (typeof data === "string" ? data : `binary: ${data.byteLength ?? data.size} bytes`);

  // The states of a connection's outputs, by what the server tells; the client has the same ones, which it does not show.
  // Each message is looked at for a run that begins or ends, then for results, then for progress.
  class Outputs {
    #states = new Map();

    take(text) {
      const { recalculating, values, errors, progress } = JSON.parse(text);
      if (recalculating?.status === "recalculating") this.#move(recalculating.name, ["initial", "invalidated"], "running");
      if (recalculating?.status === "recalculated") this.#move(recalculating.name, ["running"], "idle");
      if (values && errors) this.#flush(values, errors);
      if (progress?.type === "binding") {
        const { id, persistent } = progress.message;
        if (persistent) this.#move(id, ["running"], "persistent");
        else this.#move(id, ["value", "error", "cancel", "persistent", "idle"], "invalidated");
      }
    }

    #flush(values, errors) {
      for (const name in values) this.#move(name, ["idle"], "value");
      for (const name in errors) this.#move(name, ["idle"], "error");
      for (const [name, state] of this.#states) {
        if (state === "idle") this.#move(name, ["idle"], "cancel");
        else if (state === "running") window.wire.illegal.push(`a flush while ${name} is ${state}`);
      }
    }

    #move(name, from, to) {
      const state = this.#states.get(name) ?? "initial";
      if (!from.includes(state)) window.wire.illegal.push(`${name} is ${state}, not to become ${to}`);
      window.wire.transitions += 1;
      this.#states.set(name, to);
    }
  }

  window.WebSocket = watched(WebSocket, "WebSocket");

  // This one comes with a script of the page.
  let Socket;
  Object.defineProperty(window, "WebTransportSocket", {
    get: () => Socket,
    set: (defined) => (Socket = watched(defined, "WebTransport")),
  });
})();
