"""The scenario that every peer plays.

A link is any object with

    send(text)                     one text frame
    receive() -> str               the next one; raises Closed at an orderly end, and anything else if it is none
    request(method, path, body)    an exchange: (status, content type, body), texts but for the status

What the peer sees goes to stdout: first who it is and which steps it takes, then a line of JSON a step.
"""

import faulthandler
import hashlib
import json
import re
import sys

# More than the scenario takes on any machine. After it, a peer that hangs says where, and ends.
PATIENCE = 60


class Closed(Exception):
    """The other side ended the link in good order."""

    def __init__(self, code, reason):
        super().__init__(f"closed with {code}: {reason}")
        self.code = code
        self.reason = reason


class Session:
    """A session over a link, and what was seen of it."""

    def __init__(self, link):
        self.link = link
        self.id = None
        self.job = None
        self.tag = 0
        self.saw = []

    def note(self, text):
        """Adds what was seen, without what differs from session to session."""
        if self.id:
            text = text.replace(self.id, "<session>")
        if self.job:
            text = text.replace(self.job, "<job>")
        self.saw.append(re.sub(r"nonce=[0-9a-f]{16}", "nonce=<nonce>", text))

    def receive(self):
        text = self.link.receive()
        message = json.loads(text)
        if "config" in message:
            self.id = message["config"]["sessionId"]
        value = message.get("response", {}).get("value")
        if isinstance(value, dict) and "jobId" in value:
            self.job = value["jobId"]
        self.note(text)
        return message

    def gather(self, is_last):
        """Receives up to the message that is the last; everything that came, by its keys."""
        everything = {}
        while True:
            message = self.receive()
            for key, value in message.items():
                if isinstance(value, dict) and isinstance(everything.get(key), dict):
                    everything[key].update(value)
                else:
                    everything[key] = value
            if is_last(message):
                return everything

    def say(self, method, data):
        """Tells the server of inputs, and waits until it has nothing more to do."""
        self.link.send(json.dumps({"method": method, "data": data}))
        return self.gather(lambda message: message.get("busy") == "idle")

    def call(self, method, *args):
        """Asks the server, and waits for its answer."""
        self.tag += 1
        self.link.send(json.dumps({"method": method, "args": args, "tag": self.tag}))
        everything = self.gather(lambda message: "response" in message)
        response = everything["response"]
        assert response["tag"] == self.tag, response
        return everything

    def request(self, method, path, body=""):
        status, kind, answer = self.link.request(method, path, body)
        shown = answer
        if len(answer) > 100:
            digest = hashlib.sha256(answer.encode()).hexdigest()
            shown = f"{answer[:20]}… of {len(answer)} characters, sha256 {digest}"
        self.note(f"{status} {kind} {shown}")
        return status, answer

    def send_file(self, path, text):
        """Sends a file beside the link, and takes what the server says of it meanwhile."""
        answered = self.request("POST", "/" + path, text)
        self.gather(lambda message: message.get("busy") == "idle")
        return answered


def hidden(output):
    return f".clientdata_output_{output}_hidden"


def connect(session):
    message = session.receive()
    assert session.id, message


def init(session):
    data = {"n:shiny.number": 21, hidden("double"): False, hidden("echo"): False}
    values = session.say("init", data)["values"]
    assert values["double"] == "42", values
    session.echo = values["echo"]


def update(session):
    values = session.say("update", {"n:shiny.number": 1.5})["values"]
    assert values == {"double": "3"}, values


def add(session):
    assert session.call("add", 1, 2.5)["response"]["value"] == 3.5


def call_nobody(session):
    assert "error" in session.call("subtract", 1, 2)["response"]


def announce(session):
    text = 'Größe, 大きさ, 😀, "quoted"\n\\ and a line'
    assert session.call("announce", text)["custom"] == {"announcement": text}


def exchange(session):
    body = "".join(f"Zeile {n} für dich, " for n in range(5000))
    for method in ("POST", "PUT"):
        status, answer = session.request(method, "/" + session.echo, body)
        assert (status, answer) == (202, f"{method} {body}"), (status, answer[:100])


def exchange_with_nobody(session):
    status, _ = session.request("GET", f"/session/{session.id}/dynamic_route/none")
    assert status == 404, status


def upload(session):
    files = {"größe.txt": "Größe" * 20000, "b.csv": "1,2,3"}
    session.say("update", {hidden("uploaded"): False, "n:shiny.number": 3})
    announced = [{"name": name, "size": len(text.encode()), "type": ""} for name, text in files.items()]
    begun = session.call("uploadInit", announced)["response"]["value"]
    # One that is too short is refused, and sent again.
    for text, expected in [("short", 400), *((text, 200) for text in files.values())]:
        status, answer = session.send_file(begun["uploadUrl"], text)
        assert status == expected, (status, answer)
    session.call("uploadEnd", begun["jobId"], "data")
    values = session.gather(lambda message: "uploaded" in message.get("values", {}))["values"]
    told = ["größe.txt, text/plain, 100000 letters", "b.csv, text/csv, 5 letters"]
    assert values["uploaded"] == told, values


def open_module(session):
    session.call("open", "panel")
    values = session.say("update", {"panel-text": "quiet", hidden("panel-loud"): False})["values"]
    assert values == {"panel-loud": "QUIET"}, values


def destroy_module(session):
    everything = session.call("destroy", "panel")
    assert everything["custom"] == {"announcement": "the panel is gone"}, everything
    # It does not hear any more; the rest of the session does.
    values = session.say("update", {"panel-text": "louder", "n:shiny.number": 4})["values"]
    assert values == {"double": "8"}, values


def leave(session):
    session.link.send(json.dumps({"method": "leave", "args": [4321, "until we meet again"], "tag": 0}))
    try:
        while True:
            session.receive()
    except Closed as end:
        session.note(str(end))
        assert (end.code, end.reason) == (4321, "until we meet again"), end


STEPS = [
    connect,
    init,
    update,
    add,
    call_nobody,
    announce,
    exchange,
    exchange_with_nobody,
    upload,
    open_module,
    destroy_module,
    leave,
]


def play(version, open_link):
    """Plays the scenario over the link that `open_link` opens to an address, as a context."""
    faulthandler.dump_traceback_later(PATIENCE, exit=True)
    names = [step.__name__.replace("_", " ") for step in STEPS]
    print(json.dumps({"version": version, "steps": names}), flush=True)
    with open_link(sys.argv[1]) as link:
        session = Session(link)
        for name, step in zip(names, STEPS):
            session.saw = []
            step(session)
            print(json.dumps({"step": name, "saw": session.saw}), flush=True)
