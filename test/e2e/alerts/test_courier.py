"""The courier and its worker: when a courier starts, and its deliveries after its death or a reload."""
import itertools
import os
import signal

import pytest

import product
from cluster import wait_until
from conftest import Database
from receivers import Receiver, answer

_names = itertools.count(1)


class World:
    """World is the server, with receivers on hosts that the courier may reach."""

    def __init__(self, server):
        self.server, self.db = server, server.db
        self.receivers, self.channels = [], []

    def configure(self, **settings):
        """configure changes settings and waits until a courier with other settings has gone."""
        courier = self.worker()[1]
        shown = {name: self.db.value(f"SHOW pganalytics.{name}") for name in settings}
        before = self.db.value("SELECT clock_timestamp()")
        self.set(**settings)
        wait_until(lambda: self.db.value("SELECT reloaded_at FROM pganalytics.workers "
                                         "WHERE kind = 'alerts'") > before, 20, "reload")
        if shown != settings:
            wait_until(lambda: courier is None or self.worker()[1] != courier, 20, "the courier's end")

    def set(self, **settings):
        self.server.cluster.configure({f"pganalytics.{name}": value for name, value in settings.items()})
        self.server.cluster.reload()

    def receiver(self, *arguments):
        self.receivers.append(Receiver(*arguments))
        return self.receivers[-1]

    def channel(self, url, **columns):
        name = f"courier-{next(_names)}"
        self.channels.append(name)
        columns = {"kind": "webhook", "url": url, **columns}
        # The matcher excludes built-in rules, which may fire: only the test's own messages are
        # delivered.
        self.db.execute(f"INSERT INTO pganalytics.alert_channels (name, matchers, {', '.join(columns)}) "
                        f"""VALUES (%s, '[{{"name": "alertname", "value": "none"}}]',
                        {', '.join(['%s'] * len(columns))})""", name, *columns.values())
        return name

    def send(self, channel):
        return self.db.value("SELECT pganalytics.test_channel(%s)", channel)

    def state(self, notification):
        return self.db.row("SELECT state, attempts, last_status, last_error FROM pganalytics.alert_outbox "
                           "WHERE notification_id = %s", notification)

    def wait_for(self, notification, state):
        wait_until(lambda: self.state(notification)[0] == state, 30, f"{state} of {notification}")
        return self.state(notification)

    def worker(self):
        """worker is (pid, pid of the courier, number of couriers started after the first one)."""
        return self.db.row("SELECT pid, gateway_pid, gateway_restarts FROM pganalytics.workers "
                           "WHERE kind = 'alerts'")

    def deliver(self):
        """deliver has a test message delivered and gives the pid of the courier that delivered it."""
        hook = self.receiver()
        self.wait_for(self.send(self.channel(hook.url())), "sent")
        return self.worker()[1]


@pytest.fixture
def world(server):
    one = World(server)
    one.configure(alert_allowed_hosts="localhost")
    yield one
    for receiver in one.receivers:
        receiver.close()
    for channel in one.channels:
        server.db.execute("DELETE FROM pganalytics.alert_channels WHERE name = %s", channel)


def test_a_delivery(world):
    hook = world.receiver()
    channel = world.channel(hook.url(), authentication="hmac")
    world.db.execute("SELECT pganalytics.set_channel_secret(%s, %s)", channel, "0123456789abcdef")
    state, attempts, status, error = world.wait_for(world.send(channel), "sent")
    assert (state, attempts, status, error) == ("sent", 1, 200, None)
    request, = hook.requests
    assert b"channel_test" in request.body and "x-pganalytics-signature" in request.fields
    assert request.fields["user-agent"].startswith("pganalytics/")
    _, courier, _ = world.worker()
    assert os.readlink(f"/proc/{courier}/exe").endswith("/pganalytics-courier")
    with open(f"/proc/{courier}/status", encoding="ascii") as file:
        assert "Seccomp:\t2\n" in file.read()
    # The courier stays and makes the next delivery, too.
    assert world.deliver() == courier


def test_none_runs_without_a_delivery(make_server):
    idle = make_server("nothing_to_send", ingest_workers=1, api_port=0)
    assert idle.db.row("SELECT state, gateway_pid, gateway_restarts FROM pganalytics.workers "
                       "WHERE kind = 'alerts'") == ("running", None, 0)


def test_killed_with_one_on_its_way(world):
    """A courier is killed during a delivery: worker and sessions live on, and the delivery is retried."""
    bystander = Database(world.server.cluster.dsn(product.DATABASE))
    session = bystander.value("SELECT pg_backend_pid()")
    hook = world.receiver(lambda connection: hook.released.wait(60) and connection.sendall(answer(200)))
    notification = world.send(world.channel(hook.url()))
    wait_until(lambda: hook.requests, 20, "the first attempt")
    worker, courier, restarts = world.worker()
    os.kill(courier, signal.SIGKILL)
    hook.released.set()
    world.wait_for(notification, "sent")
    assert len(hook.requests) == 2
    assert hook.requests[0].body == hook.requests[1].body
    assert (hook.requests[0].fields["x-pganalytics-delivery"] ==
            hook.requests[1].fields["x-pganalytics-delivery"])
    now = world.worker()
    assert now[0] == worker and now[1] not in (None, courier) and now[2] == restarts + 1
    assert bystander.value("SELECT pg_backend_pid()") == session
    bystander.close()
    # The next delivery has ended the trouble, so that only the log tells of it.
    assert "was ended by signal 9" in world.server.cluster.log_text()


def test_killed_with_several_on_their_way(world):
    """All deliveries arrive. The death may have had any of them as its cause, so none counts an attempt."""
    hook = world.receiver(lambda connection: hook.released.wait(60) and connection.sendall(answer(200)))
    sent = [world.send(world.channel(hook.url())) for _ in range(5)]
    wait_until(lambda: len(hook.requests) >= 5, 20, "the first attempts")
    os.kill(world.worker()[1], signal.SIGKILL)
    hook.released.set()
    for notification in sent:
        assert world.wait_for(notification, "sent")[1] == 1
    assert len(hook.requests) == 10


def test_reload(world):
    """After a reload the old courier ends its delivery; the next courier knows the new settings."""
    hook = world.receiver(lambda connection: hook.released.wait(60) and connection.sendall(answer(200)))
    slow = world.send(world.channel(hook.url()))
    wait_until(lambda: hook.requests, 20, "the first attempt")
    courier = world.worker()[1]
    world.set(alert_allowed_hosts="")
    other = world.receiver()
    refused = world.send(world.channel(other.url()))
    # The old courier gets no new delivery while one is in progress.
    assert world.worker()[1] == courier and world.state(slow)[0] == "waiting"
    hook.released.set()
    world.wait_for(slow, "sent")
    state, _, status, error = world.wait_for(refused, "dead")
    assert status is None and "pganalytics.alert_allowed_hosts" in error
    assert not other.requests and world.worker()[1] != courier
    world.configure(alert_allowed_hosts="127.0.0.0/8")
    world.deliver()


def test_a_courier_that_cannot_start(world, tmp_path):
    """The error of a courier that cannot start is shown; after a retry the waiting delivery arrives."""
    world.configure(alert_ca_file=str(tmp_path / "missing.pem"))
    hook = world.receiver()
    notification = world.send(world.channel(hook.url()))
    wait_until(lambda: "missing.pem" in (world.db.value(
        "SELECT last_error FROM pganalytics.workers WHERE kind = 'alerts'") or ""), 20, "the reason")
    assert world.state(notification)[0] == "waiting" and not hook.requests
    world.set(alert_ca_file="")
    world.wait_for(notification, "sent")


def test_bad_settings_are_refused(world):
    for setting, value in (("alert_allowed_hosts", "10.0.0.1/8"), ("alert_allowed_hosts", "a,,b"),
                           ("alert_allowed_hosts", "http://a"), ("alert_mail_from", "a b"),
                           ("smtp_relay", "localhost"), ("external_url", "localhost"),
                           ("external_url", "javascript:x")):
        with pytest.raises(Exception, match=f'invalid value for parameter "pganalytics.{setting}"'):
            world.db.execute(f"ALTER SYSTEM SET pganalytics.{setting} = '{value}'")
    for setting, value in (("alert_allowed_hosts", "a.lan:1, 10.0.0.0/8, [fd00::1]:443"),
                           ("alert_mail_from", "alerts@db.example"), ("smtp_relay", "[::1]:25"),
                           ("external_url", "https://db.example/")):
        world.db.execute(f"ALTER SYSTEM SET pganalytics.{setting} = '{value}'")
        world.db.execute(f"ALTER SYSTEM RESET pganalytics.{setting}")
