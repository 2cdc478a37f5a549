"""Collectors of a rig with their own certificates, and single connections of collectors."""
import concurrent.futures
import http.client
import json
import ssl
import subprocess
import time

from rig import Account

REFUSED_WITHIN = 5  # seconds; a later refusal ends the bench

CREDENTIALS = ("opaque token", "signed token", "certificate", "certificate and signed token")


class Client:
    """Client is one connection of a collector that presents the credentials of its account."""

    def __init__(self, rig, account=None):
        context = ssl.create_default_context(cafile=str(rig.ca_file))
        self._headers = {"Content-Type": "application/json"}
        if account and account.certificate != "-":
            context.load_cert_chain(account.certificate, account.key)
        if account and account.token != "-":
            self._headers["Authorization"] = f"Bearer {account.token}"
        self._http = http.client.HTTPSConnection("localhost", rig.analytics.https_port, timeout=60,
                                                 context=context)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._http.close()

    def ask(self, path, document=None):
        """ask posts a document and gives the answer's status and document; 0 if the connection has ended."""
        try:
            self._http.request("POST", f"/api/v1/{path}",
                               "" if document is None else json.dumps(document), self._headers)
            answer = self._http.getresponse()
            return answer.status, json.loads(answer.read())
        except (OSError, http.client.HTTPException):
            return 0, None

    def must(self, path, document=None):
        """must is ask() for a request that has to be answered with 200; gives the document."""
        status, answer = self.ask(path, document)
        if status != 200:
            raise SystemExit(f"{path}: {status} {answer}")
        return answer

    def wait_until_closed(self):
        """wait_until_closed waits for the server to close the connection and gives the time of that."""
        self._http.sock.settimeout(REFUSED_WITHIN)
        try:
            while self._http.sock.recv(1024):
                pass
        except TimeoutError:
            raise SystemExit(f"a connection is open {REFUSED_WITHIN} s after its end") from None
        except OSError:  # a TLS alert
            pass
        return time.monotonic()


class Enrolled:
    """Enrolled makes collectors that enrol: names, tokens, keys, certificates."""

    def __init__(self, rig):
        self.rig = rig
        self._requests = []
        self._names = 0

    def names(self, count):
        self._names += count
        return [f"enrolled-{number}" for number in range(self._names - count, self._names)]

    def _request(self, number):
        """_request gives a key's file and a certificate request, made once for each number."""
        while len(self._requests) <= number:
            path = self.rig.root / f"{self.rig.name}-{len(self._requests)}.key"
            done = subprocess.run(
                ["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt",
                 "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=bench", "-keyout", str(path)],
                check=True, capture_output=True, text=True)
            self._requests.append((path, done.stdout))
        return self._requests[number]

    def enroll(self, names, at_once=16):
        """enroll has collectors request certificates; gives their accounts and the seconds that took."""
        tokens = self.rig.analytics.query(
            "SELECT e.token FROM unnest(ARRAY[" + ", ".join(f"'{name}'" for name in names) + "]) n,"
            " pganalytics.create_enrollment_token(n) e").split("\n")
        requests = [self._request(number) for number in range(len(names))]
        latencies = [0.0] * len(names)

        def ask(number):
            key, request = requests[number]
            start = time.monotonic()
            with Client(self.rig) as client:
                answer = client.must("collectors/enroll", {"token": tokens[number], "csr": request})
            latencies[number] = time.monotonic() - start
            path = self.rig.root / f"{names[number]}.crt"
            path.write_text(answer["certificate"], encoding="ascii")
            return Account(answer["collector_id"], "-", path, key)

        with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
            began = time.monotonic()
            accounts = list(pool.map(ask, range(len(names))))
            seconds = time.monotonic() - began
        latencies.sort()
        return accounts, {"per_second": len(names) / seconds,
                          "p50_ms": 1000 * latencies[len(names) // 2],
                          "max_ms": 1000 * latencies[-1]}

    def credentials(self):
        """credentials gives an account of one collector for each kind in CREDENTIALS."""
        (name,) = self.names(1)
        opaque = Account(*self.rig.analytics.create_collector(name))
        ((certificate,), _) = self.enroll([name])

        def signed(account):
            with Client(self.rig, account) as client:
                return client.must("collectors/refresh-token")["token"]

        return dict(zip(CREDENTIALS, (opaque, opaque._replace(token=signed(opaque)), certificate,
                                      certificate._replace(token=signed(certificate)))))
