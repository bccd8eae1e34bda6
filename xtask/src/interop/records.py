"""Records on a stream of bytes, and a session over streams of them.

A record is its kind (one byte), the length of its payload (four, big endian), and its payload.
"""

import json
import struct

from scenario import Closed

TEXT, BINARY, CLOSE = 0, 1, 2
OPEN, REQUEST, RESPONSE = 16, 17, 18


def record(kind, payload):
    return struct.pack(">BI", kind, len(payload)) + payload


def head(kind, method, path):
    fields = {"method": method, "path": path, "headers": []}
    return record(kind, json.dumps(fields).encode())


async def read_record(reader):
    kind, length = struct.unpack(">BI", await reader.readexactly(5))
    return kind, await reader.readexactly(length)


async def read_text(reader):
    """The next text frame of a link."""
    kind, payload = await read_record(reader)
    if kind == CLOSE:
        rest = await reader.read()
        assert not rest, "something follows the end"
        raise Closed(int.from_bytes(payload[:2], "big"), payload[2:].decode())
    assert kind == TEXT, kind
    return payload.decode()


async def ask(reader, writer, method, path, body):
    """An exchange on a stream of its own."""
    writer.write(head(REQUEST, method, path) + body.encode())
    writer.write_eof()
    kind, payload = await read_record(reader)
    assert kind == RESPONSE, kind
    answer = json.loads(payload)
    content_type = dict(answer["headers"]).get("content-type")
    return answer["status"], content_type, (await reader.read()).decode()
