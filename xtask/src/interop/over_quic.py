"""The scenario over QUIC, by the package `aioquic`: a stream for the link, and one for each exchange."""

import asyncio
import contextlib
import hashlib
import ssl
import urllib.parse

import aioquic
from aioquic.asyncio import QuicConnectionProtocol, connect
from aioquic.quic.configuration import QuicConfiguration
from cryptography.hazmat.primitives.serialization import Encoding

import records
from scenario import play

PATIENCE = 10


class Link:
    """The scenario goes step by step; the connection lives while one of them waits."""

    def __init__(self, wait, connection, reader, writer):
        self.wait = wait
        self.connection = connection
        self.reader = reader
        self.writer = writer

    def send(self, text):
        self.writer.write(records.record(records.TEXT, text.encode()))

    def receive(self):
        return self.wait(records.read_text(self.reader))

    def request(self, method, path, body):
        async def exchange():
            return await records.ask(*await self.connection.create_stream(), method, path, body)

        return self.wait(exchange())


@contextlib.contextmanager
def connect_to(url, protocols, protocol):
    """Something that waits for a coroutine, and a connection to a server known by its hash."""
    # Nobody has signed the certificate.
    configuration = QuicConfiguration(
        is_client=True,
        alpn_protocols=protocols,
        verify_mode=ssl.CERT_NONE,
        max_datagram_frame_size=1500,
    )
    with asyncio.Runner() as runner:

        def wait(coroutine):
            return runner.run(asyncio.wait_for(coroutine, PATIENCE))

        opening = connect(url.hostname, url.port, configuration=configuration, create_protocol=protocol)
        connection = wait(opening.__aenter__())
        try:
            certificate = connection._quic.tls._peer_certificate.public_bytes(Encoding.DER)
            assert url.fragment == "sha256=" + hashlib.sha256(certificate).hexdigest(), url.fragment
            yield wait, connection
        finally:
            wait(opening.__aexit__(None, None, None))


@contextlib.contextmanager
def open_link(address):
    url = urllib.parse.urlsplit(address)
    with connect_to(url, ["sdrs/1"], QuicConnectionProtocol) as (wait, connection):
        reader, writer = wait(connection.create_stream())
        writer.write(records.head(records.OPEN, "GET", "/"))
        yield Link(wait, connection, reader, writer)


if __name__ == "__main__":
    play(f"aioquic {aioquic.__version__}", open_link)
