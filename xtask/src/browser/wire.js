// Runs before the page's own scripts: notes which sockets the page opens and what goes over them, for the steps to
// look at.
window.wire = { sockets: [], sent: [], received: [] };

function watched(Socket, name) {
  return class extends Socket {
    constructor(...args) {
      super(...args);
      window.wire.sockets.push(name);
      this.addEventListener("message", ({ data }) => window.wire.received.push(String(data)));
    }
    send(data) {
      window.wire.sent.push(String(data));
      super.send(data);
    }
  };
}

window.WebSocket = watched(WebSocket, "WebSocket");

// This one comes with a script of the page.
{
  let Socket;
  Object.defineProperty(window, "WebTransportSocket", {
    get: () => Socket,
    set: (defined) => (Socket = watched(defined, "WebTransport")),
  });
}
