"""Collectors that push without a pause, renew what is due and follow the server's trust document.

They are a separate program, because their clock is moved together with the server's:
`rotation_load.py STATE`, where STATE is a JSON file with port and collectors. The program reads
commands from its input, a line each, and answers each with a line of JSON: `pause`, `resume`,
`report`, `end`.
"""
import base64
import hashlib
import json
import pathlib
import sys
import threading
import time

from cryptography import x509

import pki
from client import Client, push_body, query_rows
from identities import REFRESH, RENEW


class Gate:
    """Gate lets threads in while it is open; shutting it waits until all have left."""

    def __init__(self):
        self.changed = threading.Condition()
        self.inside, self.open, self.ended = 0, True, False

    def __enter__(self):
        with self.changed:
            self.changed.wait_for(lambda: self.open)
            self.inside += 1

    def __exit__(self, *_):
        with self.changed:
            self.inside -= 1
            self.changed.notify_all()

    def shut(self):
        with self.changed:
            self.open = False
            self.changed.wait_for(lambda: self.inside == 0)

    def reopen(self):
        with self.changed:
            self.open = True
            self.changed.notify_all()


class Collector(threading.Thread):
    """Collector does what pganalytics-collector does, and records everything that it has seen.

    A hasty collector renews its certificate all the time: so at every change it has a certificate
    from just before and one from just after the change.
    """

    def __init__(self, state, one, gate):
        super().__init__(daemon=True)
        self.port, self.gate = state["port"], gate
        self.directory = pathlib.Path(state["directory"]) / one["name"]
        self.directory.mkdir()
        self.collector_id, self.hasty = one["collector_id"], one["hasty"]
        key = pki.load_key(one["key"].encode())
        self.holder = pki.Holder(key, *_split(one["certificate"]))
        self.trust = one["trust"]
        self.client = None
        self.pushes = self.renewals = 0
        self.failures, self.seen = [], {"server": set(), "issuer": set(), "kid": set()}

    def run(self):
        while not self.gate.ended:
            with self.gate:
                try:
                    self.turn()
                except Exception as error:  # any exception means that a request has failed
                    self.failures.append(f"{type(error).__name__}: {error}")
                    self.client = None
                    time.sleep(0.05)

    def connect(self):
        """connect makes a client that verifies the server by authorities and presents its identity."""
        ca = self.directory / "ca.pem"
        ca.write_text("".join(self.trust["authorities"]))
        files = self.holder.write(self.directory, "own")
        self.client = Client(self.port, ca, None)
        self.client.context.load_cert_chain(*map(str, files))
        self.request("GET", "/api/v1/health")

    def request(self, method, path, document=None, token=None):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        body = json.dumps(document).encode() if document is not None else b""
        fresh = self.client.connection is None
        answer = self.client.request(method, path, body, headers)
        if answer.status != 200:
            raise AssertionError(f"{method} {path}: {answer}")
        if fresh and self.client.connection is not None:
            self.check_pin(self.client.connection.sock)
        return answer

    def check_pin(self, connection):
        server = x509.load_der_x509_certificate(connection.getpeercert(True))
        self.seen["server"].add(server.serial_number)
        digest = hashlib.sha256(pki.spki(server.public_key())).digest()
        if f"sha256/{base64.b64encode(digest).decode()}" not in self.trust["pins"]:
            raise AssertionError("the server's key is not pinned")

    def turn(self):
        if self.client is None:
            self.connect()
        mine = x509.load_der_x509_certificate(self.holder.certificate)
        begins = mine.not_valid_before.replace(tzinfo=pki.UTC)
        life = mine.not_valid_after.replace(tzinfo=pki.UTC) - begins
        if pki.now() > begins + life * 2 / 3 or (self.hasty and self.pushes % 10 == 8):
            self.renew()
        trust = self.request("GET", "/api/v1/pki/trust").json
        if trust["version"] != self.trust["version"]:
            self.trust, self.client = trust, None
            return
        token = self.request("POST", REFRESH).json["token"]
        header = json.loads(base64.urlsafe_b64decode(token.split(".")[0] + "=="))
        self.seen["kid"].add(header["kid"])
        for shown in (token, None):
            self.pushes += 1
            self.request("POST", "/api/v1/metrics/push",
                         push_body(self.collector_id, query_rows(2, self.pushes)), shown)
        # Connect anew now and then, to see the certificate of the newest gateway.
        if self.pushes % 10 == 0:
            self.client.close()

    def renew(self):
        key = pki.new_key()
        answer = self.request("POST", RENEW, {"csr": pki.signing_request(key)}).json
        self.holder = pki.Holder(key, *_split(answer["certificate"]))
        self.trust = answer["trust"]
        made = x509.load_der_x509_certificate(self.holder.certificate)
        self.seen["issuer"].add(made.extensions.get_extension_for_class(
            x509.AuthorityKeyIdentifier).value.key_identifier.hex())
        self.renewals += 1
        self.client.close()
        self.client = None
        self.connect()

    def report(self):
        return {"hasty": self.hasty, "pushes": self.pushes, "renewals": self.renewals,
                "failures": self.failures, "trust": self.trust["version"],
                **{name: sorted(map(str, values)) for name, values in self.seen.items()}}


def _split(text):
    first, *chain = pki.from_pem(text)
    return first, chain


def main():
    state = json.loads(pathlib.Path(sys.argv[1]).read_text())
    gate = Gate()
    collectors = [Collector(state, one, gate) for one in state["collectors"]]
    for one in collectors:
        one.start()
    for line in sys.stdin:
        command = line.strip()
        if command == "pause":
            gate.shut()
        elif command == "resume":
            gate.reopen()
        elif command == "end":
            gate.ended = True
            for one in collectors:
                one.join()
        print(json.dumps([one.report() for one in collectors]), flush=True)


if __name__ == "__main__":
    main()
