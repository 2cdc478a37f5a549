"""The alerts worker against a courier: it accepts only answers that fit what it has asked for.

The courier is a puppet (puppet.py), so the test can send everything that a courier could send.
"""
import socket
import struct

import pytest

import product
import puppet
from cluster import wait_until
from conftest import Database
from worker_frames import (COURIER_CONFIG, DELIVERED, DELIVERY, FAILED, HEAD, MAGIC, READY, VERSION,
                           Reader, frame, text)

HTTP, MAIL = 0, 1
SENT, AGAIN, DEAD = 0, 1, 2


def delivered(outcome=SENT, status=200, retry_after=0, message=""):
    return struct.pack("<IIII", outcome, status, retry_after, 0) + text(message)


class World:
    """World is a server with one channel, for which the test plays the courier."""

    def __init__(self, root):
        self.stage = puppet.Stage(root / "courier-stage", "pganalytics-courier")
        self.cluster = product.Analytics(root, "courier", {
            "pganalytics.ingest_workers": 1, "pganalytics.api_port": 0,
            "pganalytics.alert_mail_from": "alerts@db.example"})
        self.cluster.command = [str(self.stage.postgres)]
        self.cluster.init().start()
        self.cluster.create()
        self.db = Database(self.cluster.dsn(product.DATABASE))
        self.db.execute("""INSERT INTO pganalytics.alert_channels (name, kind, url, mail_to, matchers,
            authentication) VALUES ('hook', 'webhook', 'https://localhost/', NULL,
                '[{"name": "alertname", "value": "none"}]', 'bearer'),
            ('post', 'email', NULL, '{a@example.com,b@example.com}',
                '[{"name": "alertname", "value": "none"}]', 'none')""")
        self.db.execute("SELECT pganalytics.set_channel_secret('hook', '0123456789abcdef')")
        self.courier = None
        self.ended = True  # whether this courier has ended, so that the next delivery needs another

    def next_courier(self):
        self.ended = False
        if self.courier is not None:
            self.courier.close()
        self.courier = self.stage.gateway()
        config = Reader(self.courier.take(COURIER_CONFIG))
        times = config.unpack("II")
        self.config = times + tuple(config.text().decode() for _ in range(5))
        self.courier.send(READY, struct.pack("<II", 1, 0) + text(""))

    def send(self, channel="hook"):
        return self.db.value("SELECT pganalytics.test_channel(%s)", channel)

    def take(self):
        """take gives (number, fields) of the next delivery that the worker sends."""
        if self.ended:
            self.next_courier()
        while True:
            for one in self.courier.kept:
                if one[0] == DELIVERY:
                    self.courier.kept.remove(one)
                    reader = Reader(one[2])
                    kinds = reader.unpack("II")
                    return one[1], kinds + tuple(reader.text().decode() for _ in range(7))
            self.courier.kept.append(puppet.read_frame(self.courier.read))

    def say(self, number, payload, kind=DELIVERED):
        self.courier.worker.sendall(frame(kind, number, payload))

    def state(self, notification):
        return self.db.row("SELECT state, attempts, last_status, last_error FROM pganalytics.alert_outbox "
                           "WHERE notification_id = %s", notification)

    def last_error(self):
        return self.db.value("SELECT last_error FROM pganalytics.workers WHERE kind = 'alerts'") or ""


@pytest.fixture(scope="module")
def world(root):
    one = World(root)
    yield one
    one.db.close()
    one.courier.close()
    one.cluster.remove()
    one.stage.close()


@pytest.fixture(autouse=True)
def nothing_waits(world):
    """nothing_waits removes notifications that a test has left in the outbox."""
    yield
    world.db.execute("DELETE FROM pganalytics.alert_outbox")


def test_what_a_courier_is_told(world):
    first = world.send()
    number, told = world.take()
    assert world.config == (10000, 30000, "", "", "localhost:25", "alerts@db.example",
                            world.config[6])
    assert world.config[6].startswith("pganalytics/")
    kind, authentication, key, url, secret, recipients, subject, content_type, body = told
    assert (kind, authentication, url, secret) == (0, 2, "https://localhost/", "0123456789abcdef")
    assert (recipients, subject, content_type) == ("", "", "application/json")
    assert "channel_test" in body and key
    world.say(number, delivered())
    wait_until(lambda: world.state(first)[0] == "sent", 20, "the end of the delivery")
    notification = world.send("post")
    number, told = world.take()
    assert told[:2] == (1, 0) and told[3:6] == ("", "", "a@example.com\nb@example.com")
    assert "channel_test" in told[6]
    world.say(number, delivered(SENT, 250, 0, "1 of 2 recipients were refused: 550 no"))
    wait_until(lambda: world.state(notification)[0] == "sent", 20, "the end of the delivery")
    assert "alert channel post: 1 of 2 recipients were refused" in world.cluster.log_text()


def test_outcomes(world):
    for outcome, status, state in ((AGAIN, 503, "waiting"), (DEAD, 404, "dead")):
        notification = world.send()
        number, _ = world.take()
        world.say(number, delivered(outcome, status, 600, "why not"))
        wait_until(lambda n=notification: world.state(n)[1] == 1, 20, "the end of the delivery")
        assert world.state(notification) == (state, 1, status, "why not")
        if outcome == AGAIN:
            assert world.db.value("SELECT due_at - now() BETWEEN '9 min' AND '10 min' "
                                  "FROM pganalytics.alert_outbox WHERE notification_id = %s",
                                  notification)
        world.db.execute("DELETE FROM pganalytics.alert_outbox")


BROKEN = {
    "an outcome that is none": lambda n: frame(DELIVERED, n, delivered(outcome=3)),
    "a status that is none": lambda n: frame(DELIVERED, n, delivered(status=1000)),
    "a wait that is too long": lambda n: frame(DELIVERED, n, delivered(AGAIN, 503, 3601)),
    "a message that is too long": lambda n: frame(DELIVERED, n, delivered(message="x" * 1001)),
    "a message with a line's end": lambda n: frame(DELIVERED, n, delivered(message="a\nb")),
    "a message that is no UTF-8": lambda n: frame(DELIVERED, n, delivered(message=b"\xff\xfe")),
    "a message with a zero": lambda n: frame(DELIVERED, n, delivered(message=b"a\0b")),
    "a number that nobody has": lambda n: frame(DELIVERED, n + 1000, delivered()),
    "bytes behind": lambda n: frame(DELIVERED, n, delivered() + bytes(16)),
    "too few bytes": lambda n: frame(DELIVERED, n, delivered()[:8]),
    "another frame": lambda n: frame(DELIVERY, n, delivered()),
    "no frame": lambda n: b"HTTP/1.1 200 OK\r\n\r\n",
    "a frame that is too large": lambda n: HEAD.pack(MAGIC, DELIVERED, VERSION, 1 << 30, n),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_courier_that_breaks_the_protocol_is_ended(world, what):
    """The worker ends a courier that sends such a frame, and ignores the frame's contents."""
    mail, notification = world.send("post"), world.send()
    number, told = world.take()
    if told[0] != MAIL:
        (number, told), taken = world.take(), number
    else:
        taken, _ = world.take()
    # The worker starts another courier at once only if this one has delivered something.
    world.say(number, delivered())
    world.courier.worker.sendall(BROKEN[what](taken))
    wait_until(lambda: world.state(notification)[1] == 1, 20, "the end of the courier")
    assert world.state(mail)[0] == "sent"
    assert world.state(notification)[0] == "waiting"
    assert world.state(notification)[2:] == (None, "the courier ended while it was on its way")
    assert "broke the protocol" in world.last_error()
    world.ended = True


def test_what_a_broken_courier_had_goes_out_again(world):
    notification = world.send()
    number, told = world.take()
    world.courier.worker.sendall(BROKEN["no frame"](number))
    world.next_courier()
    number, again = world.take()
    assert again == told
    world.say(number, delivered())
    wait_until(lambda: world.state(notification)[:2] == ("sent", 2), 20, "the second attempt")


def test_an_answer_counts_once(world):
    notification = world.send()
    number, _ = world.take()
    world.say(number, delivered(DEAD, 400, 0, "bad"))
    wait_until(lambda: world.state(notification)[0] == "dead", 20, "the end of the delivery")
    world.say(number, delivered())
    waiting = world.send()
    world.next_courier()
    assert world.state(notification)[0] == "dead"
    number, _ = world.take()
    world.say(number, delivered())
    wait_until(lambda: world.state(waiting)[0] == "sent", 20, "the end of the delivery")


def test_one_that_fails_says_why(world):
    world.send()
    world.take()
    world.say(0, text("there is no such file\x07"), FAILED)
    wait_until(lambda: "broke the protocol" in world.last_error(), 20, "the end of the courier")
    world.next_courier()
    world.take()
    world.say(0, text("there is no such file"), FAILED)
    wait_until(lambda: "could not start: there is no such file" in world.last_error(), 20, "the reason")
    world.next_courier()
    world.take()
    world.db.execute("DELETE FROM pganalytics.alert_outbox")


def test_one_by_one_after_a_death_with_several(world):
    """After a death with several deliveries they go one by one: only the one that ends a courier fails."""
    world.db.execute("""INSERT INTO pganalytics.alert_channels (name, kind, url, matchers)
        SELECT 'many' || n, 'webhook', 'https://localhost/' || n, '[{"name": "alertname", "value": "none"}]'
        FROM generate_series(1, 3) AS n""")
    sent = [world.send(f"many{n}") for n in (1, 2, 3)]
    numbers = [world.take()[0] for _ in sent]
    assert len(set(numbers)) == 3
    world.courier.worker.shutdown(socket.SHUT_RDWR)
    world.next_courier()
    killer, told = world.take()
    assert [world.state(n)[1] for n in sent] == [0, 0, 0]
    world.courier.worker.shutdown(socket.SHUT_RDWR)
    world.next_courier()
    seen = set()
    while len(seen) < 2:
        number, other = world.take()
        if other[3] != told[3]:
            seen.add(other[3])
        world.say(number, delivered())
    assert sum(world.state(n)[1] for n in sent) >= 1
    for notification in sent:
        wait_until(lambda n=notification: world.state(n)[0] == "sent" or answer_next(world), 30, "all")
    world.db.execute("DELETE FROM pganalytics.alert_channels WHERE name LIKE 'many%'")


def answer_next(world):
    """answer_next answers the next delivery, if one comes within 0.2 s."""
    world.courier.worker.settimeout(0.2)
    try:
        world.say(world.take()[0], delivered())
    except TimeoutError:
        pass
    finally:
        world.courier.worker.settimeout(20)
    return False
