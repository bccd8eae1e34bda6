"""The scenario over stdin and stdout of a child, by the standard library alone.

A line that is no JSON array is a text frame. An array is a word of the transport:

    ["open"]                      this side says how the link ends
    ["close", code, reason]       the orderly end of the link
    ["request", number, head]     an exchange begins; its bytes follow as data, up to its end
    ["response", number, head]    so does its answer
    ["data", number, base64]
    ["end", number]
    ["stop", number]              the rest of the request is not wanted; the answer still comes
    ["credit", number, bytes]     room for more: there is enough for this scenario without
"""

import base64
import collections
import contextlib
import json
import platform
import subprocess

from scenario import Closed, play

PATIENCE = 10
CHUNK = 12 * 1024


class Answer:
    def __init__(self):
        self.head = None
        self.body = b""
        self.ended = False


class Link:
    def __init__(self, child):
        self.child = child
        self.frames = collections.deque()
        self.answers = {}
        self.say("open")

    def say(self, *words):
        self.send(json.dumps(words))

    def send(self, text):
        self.child.stdin.write(text.encode() + b"\n")
        self.child.stdin.flush()

    def receive(self):
        while not self.frames:
            self.read()
        frame = self.frames.popleft()
        if isinstance(frame, Closed):
            raise frame
        return frame

    def request(self, method, path, body):
        number = len(self.answers) + 1
        answer = self.answers[number] = Answer()
        self.say("request", number, {"method": method, "path": path, "headers": []})
        for start in range(0, len(body := body.encode()), CHUNK):
            self.say("data", number, base64.b64encode(body[start : start + CHUNK]).decode())
        self.say("end", number)
        while not answer.ended:
            self.read()
        content_type = dict(answer.head["headers"]).get("content-type")
        return answer.head["status"], content_type, answer.body.decode()

    def read(self):
        line = self.child.stdout.readline()
        assert line.endswith(b"\n"), f"the output ends with {line}"
        if not line.startswith(b"["):
            self.frames.append(line[:-1].decode())
            return
        match json.loads(line):
            case ["close", code, *reason]:
                self.frames.append(Closed(code, *reason))
                self.say("close", code)
            case ["response", number, head]:
                self.answers[number].head = head
            case ["data", number, piece]:
                self.answers[number].body += base64.b64decode(piece)
            case ["end", number]:
                self.answers[number].ended = True
            case ["open"] | ["stop", _] | ["credit", _, _]:
                pass
            case words:
                raise ValueError(f"an unexpected word: {words}")


@contextlib.contextmanager
def open_link(program):
    command = [program, "interop", "--serve", "stdio"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        yield Link(child)
        child.stdin.close()
        assert child.wait(PATIENCE) == 0, child.returncode
        assert not (rest := child.stdout.read()), f"after the end comes {rest}"


if __name__ == "__main__":
    play(f"Python {platform.python_version()}", open_link)
