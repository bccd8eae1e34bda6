"""The scenario over WebTransport, by the package `aioquic`: streams as over QUIC, in a session of HTTP/3."""

import asyncio
import contextlib
import urllib.parse

import aioquic
from aioquic.asyncio import QuicConnectionProtocol
from aioquic.h3.connection import H3_ALPN, H3Connection
from aioquic.h3.events import HeadersReceived
from aioquic.quic.events import ConnectionTerminated, StreamDataReceived, StreamReset

import records
from over_quic import Link, connect_to
from scenario import play


class Browser(QuicConnectionProtocol):
    """As much of one as it takes."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.http = H3Connection(self._quic, enable_webtransport=True)
        self.answer = asyncio.get_running_loop().create_future()
        self.session = None
        self.readers = {}

    def quic_event_received(self, event):
        match event:
            case StreamDataReceived(stream_id=stream) if stream in self.readers:
                # The side of the server of a stream that was opened here: aioquic would take it for HTTP.
                self.readers[stream].feed_data(event.data)
                if event.end_stream:
                    self.readers[stream].feed_eof()
                return
            case StreamReset(stream_id=stream) if stream in self.readers:
                error = ConnectionResetError(f"reset with {event.error_code}")
                self.readers[stream].set_exception(error)
            case ConnectionTerminated():
                self.fail(ConnectionError(f"{event.error_code}: {event.reason_phrase}"))
        for event in self.http.handle_event(event):
            if isinstance(event, HeadersReceived) and event.stream_id == self.session:
                self.answer.set_result(dict(event.headers))

    def fail(self, error):
        if not self.answer.done():
            self.answer.set_exception(error)
        for reader in self.readers.values():
            reader.set_exception(error)

    async def open_session(self, authority):
        self.session = self._quic.get_next_available_stream_id()
        head = {
            ":method": "CONNECT",
            ":protocol": "webtransport",
            ":scheme": "https",
            ":authority": authority,
            ":path": "/",
            "origin": "http://localhost",
        }
        headers = [(name.encode(), value.encode()) for name, value in head.items()]
        self.http.send_headers(self.session, headers)
        self.transmit()
        headers = await self.answer
        assert headers[b":status"] == b"200", headers

    async def create_stream(self):
        stream = self.http.create_webtransport_stream(self.session)
        self.readers[stream] = asyncio.StreamReader()
        return self.readers[stream], Writer(self, stream)


class Writer:
    def __init__(self, browser, stream):
        self.browser = browser
        self.stream = stream

    def write(self, data):
        self.put(data, False)

    def write_eof(self):
        self.put(b"", True)

    def put(self, data, is_last):
        self.browser._quic.send_stream_data(self.stream, data, is_last)
        self.browser.transmit()


@contextlib.contextmanager
def open_link(address):
    url = urllib.parse.urlsplit(address)
    with connect_to(url, H3_ALPN, Browser) as (wait, connection):
        wait(connection.open_session(url.netloc))
        reader, writer = wait(connection.create_stream())
        writer.write(records.head(records.OPEN, "GET", "/"))
        yield Link(wait, connection, reader, writer)


if __name__ == "__main__":
    play(f"aioquic {aioquic.__version__}", open_link)
