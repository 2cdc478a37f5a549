"""Mails: what the relay receives, and the outcome of its replies."""
import email
import email.policy
import socket
import ssl
import threading

import pytest
from aiosmtpd.controller import Controller

from courier import AGAIN, DEAD, SENT
from receivers import make_certificate


class Relay:
    """Relay is a handler of aiosmtpd. `replies` are its replies to RCPT by address, and to MAIL and DATA."""

    def __init__(self, replies=None):
        self.replies = replies or {}
        self.mails = []

    async def handle_MAIL(self, server, session, envelope, address, options):
        envelope.mail_from = address
        return self.replies.get("MAIL", "250 OK")

    async def handle_RCPT(self, server, session, envelope, address, options):
        reply = self.replies.get(address, "250 OK")
        if reply.startswith("250"):
            envelope.rcpt_tos.append(address)
        return reply

    async def handle_DATA(self, server, session, envelope):
        reply = self.replies.get("DATA", "250 OK")
        if reply.startswith("250"):
            self.mails.append((session, envelope, email.message_from_bytes(
                envelope.content, policy=email.policy.default)))
        return reply


@pytest.fixture
def relay():
    started = []

    def start(replies=None, **options):
        handler = Relay(replies)
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        controller = Controller(handler, hostname="127.0.0.1", port=port, **options)
        controller.start()
        started.append(controller)
        handler.address = f"127.0.0.1:{port}"
        return handler

    yield start
    for controller in started:
        controller.stop()


def test_mail(courier, relay):
    server = relay()
    one = courier(relay=server.address, sender="alerts@db.example")
    body = "Gr\u00f6\u00dfe\n.\n..\n" + "x" * 2000 + "\r\nlast"
    for _ in range(2):
        result = one.mail(to="a@example.com\nroot", subject="[FIRING:1] \u00e4 " + "long " * 40, body=body)
        assert (result.outcome, result.status, result.message) == (SENT, 250, "")
    one.mail(body=body + "!")
    session, envelope, mail = server.mails[0]
    assert envelope.mail_from == "alerts@db.example"
    assert envelope.rcpt_tos == ["a@example.com", "root"]
    assert mail["From"] == "alerts@db.example" and mail["To"] == "a@example.com, root"
    assert mail["Subject"] == "[FIRING:1] \u00e4 " + "long " * 40
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Date"].datetime.utcoffset().total_seconds() == 0
    assert mail.get_content().replace("\r\n", "\n").rstrip("\n") == body.replace("\r\n", "\n")
    assert mail.get_content_type() == "text/plain" and mail.get_content_charset() == "utf-8"
    assert max(map(len, envelope.content.split(b"\r\n"))) <= 78
    ids = [each[2]["Message-ID"] for each in server.mails]
    assert ids[0] == ids[1] != ids[2] and ids[0].endswith("@db.example>")


def test_nothing_is_injected(courier, relay):
    server = relay()
    one = courier(relay=server.address)
    assert one.mail(subject="a\r\nBcc: evil@example.com\r\n\r\nhello").outcome == SENT
    mail = server.mails[0][2]
    assert mail["Bcc"] is None and mail["Subject"] == "a  Bcc: evil@example.com    hello"
    assert server.mails[0][1].rcpt_tos == ["ops@example.com"]
    for to in ("", "a@b\r", "a@b>\r", "<a@b>", "a@b,c@d", "a b@c", "a@b\n\nc@d", "\u00e4@b",
               "\n".join(["a@b"] * 101)):
        result = one.mail(to=to)
        assert (result.outcome, result.status) == (DEAD, 0), to
    assert len(server.mails) == 1


def test_starttls_is_used_where_it_is_offered(courier, relay, tmp_path):
    """STARTTLS does not verify the relay: here its certificate is self-signed and for another name."""
    file = make_certificate(str(tmp_path), "relay", names=("other.example",))[2]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    server = relay(tls_context=context)
    assert courier(relay=server.address).mail().outcome == SENT
    assert server.mails[0][0].ssl is not None
    plain = relay()
    assert courier(relay=plain.address).mail().outcome == SENT
    assert plain.mails[0][0].ssl is None


@pytest.mark.parametrize("replies, outcome, status, message", [
    ({"MAIL": "451 later"}, AGAIN, 451, "the mail relay says: 451 later"),
    ({"MAIL": "553 who are you"}, DEAD, 553, "the mail relay says: 553 who are you"),
    ({"DATA": "452 full"}, AGAIN, 452, "the mail relay says: 452 full"),
    ({"DATA": "554 spam"}, DEAD, 554, "the mail relay says: 554 spam"),
    ({"a@x": "450 busy"}, AGAIN, 450, "the mail relay says: 450 busy"),
    ({"b@x": "450 busy"}, AGAIN, 450, "the mail relay says: 450 busy"),
    ({"a@x": "550 no such user", "b@x": "550 nor this"}, DEAD, 550, "the mail relay says: 550 nor this"),
    ({"a@x": "550 no such user", "b@x": "450 busy"}, AGAIN, 450, "the mail relay says: 450 busy"),
    ({"a@x": "550 no such user"}, SENT, 250, "1 of 2 recipients were refused: 550 no such user"),
    ({"b@x": "550 no such user"}, SENT, 250, "1 of 2 recipients were refused: 550 no such user"),
    ({"a@x": "550 no such user", "DATA": "451 later"}, AGAIN, 451, "the mail relay says: 451 later")])
def test_replies(courier, relay, replies, outcome, status, message):
    server = relay(replies)
    result = courier(relay=server.address).mail(to="a@x\nb@x")
    assert (result.outcome, result.status, result.message) == (outcome, status, message)
    assert len(server.mails) == (1 if outcome == SENT else 0)


class Script:
    """Script is a relay that answers each command with the next of its lines, whatever the command is."""

    def __init__(self, *lines):
        self.lines, self.commands = lines, []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        connection, _ = self.listener.accept()
        self.listener.close()
        with connection, connection.makefile("rb") as reader:
            try:
                for line in self.lines:
                    connection.sendall(line)
                    self.commands.append(reader.readline())
            except OSError:
                pass


@pytest.mark.parametrize("lines, outcome, status", [
    ((b"421 too busy\r\n",), AGAIN, 421),
    ((b"554 no mail here\r\n",), DEAD, 554),
    ((b"220 hi\r\n", b"502 what\r\n", b"250 hi\r\n", b"250 ok\r\n", b"250 ok\r\n"), AGAIN, 250),
    ((b"220 hi\r\n", b"250 hi\r\n", b"250 ok\r\n", b"550 not a\r\n"), AGAIN, 550),
    ((b"220 hi\r\n", b"250 hi\r\n", b"250 ok\r\n", b"250 ok\r\n", b"250 ok\r\n"), AGAIN, 250),
    ((b"HTTP/1.1 200 OK\r\n\r\n",), AGAIN, 0),
    ((b"250-" + b"x" * 500 + b"\r\n",) * 3, AGAIN, 0),
    ((b"220-" + b"x" * 500 + b"\r\n" * 1, ) + (b"220-" + b"y" * 100000 + b"\r\n",), AGAIN, 0),
    ((b"",), AGAIN, 0)])
def test_broken_relays(courier, lines, outcome, status):
    """These relays end the connection after their last line."""
    script = Script(*lines)
    result = courier(relay=script.address, timeout_ms=500).mail(to="a@x\nb@x")
    assert (result.outcome, result.status) == (outcome, status), (result, script.commands)
    assert result.message


def test_no_relay(courier):
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    result = courier(relay=address).mail()
    assert (result.outcome, result.status) == (AGAIN, 0) and "mail relay" in result.message
