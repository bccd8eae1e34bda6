"""The scenario over WebSocket, by the package `websockets`; exchanges by the standard library."""

import contextlib
import http.client
import urllib.parse

import websockets
import websockets.sync.client
from scenario import Closed, play

PATIENCE = 10


class Link:
    def __init__(self, host, socket):
        self.host = host
        self.socket = socket

    def send(self, text):
        self.socket.send(text)

    def receive(self):
        try:
            return self.socket.recv(timeout=PATIENCE)
        except websockets.ConnectionClosed as end:
            if end.rcvd is None:
                raise
            raise Closed(end.rcvd.code, end.rcvd.reason) from None

    def request(self, method, path, body):
        connection = http.client.HTTPConnection(self.host, timeout=PATIENCE)
        connection.request(method, path, body=body.encode())
        response = connection.getresponse()
        answer = response.read().decode()
        connection.close()
        return response.status, response.headers.get("content-type"), answer


@contextlib.contextmanager
def open_link(address):
    host = urllib.parse.urlsplit(address).netloc
    with websockets.sync.client.connect(f"ws://{host}/websocket/", open_timeout=PATIENCE) as socket:
        yield Link(host, socket)


if __name__ == "__main__":
    play(f"websockets {websockets.__version__}", open_link)
