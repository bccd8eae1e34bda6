// Runs before the page's own scripts: notes what goes over the page's sockets, for the steps to look at.
window.wire = { sent: [], received: [] };
window.WebSocket = class extends WebSocket {
  constructor(...args) {
    super(...args);
    this.addEventListener("message", ({ data }) => window.wire.received.push(String(data)));
  }
  send(data) {
    window.wire.sent.push(String(data));
    super.send(data);
  }
};
