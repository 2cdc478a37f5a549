"""Receivers that are down, slow or broken, and processes killed while deliveries wait.

Every notification arrives at least once and in order for each alert, and ingest goes on.
"""
import itertools
import os
import signal
import time

import psycopg2
import pytest

import alert_receiver
from alert_receiver import SECRET, Receiver
from client import Load
from cluster import wait_until
from receivers import make_certificate

_names = itertools.count(1)
HOSTS = [f"h{i}" for i in range(8)]


class World:
    """World is a server with a single alert rule; the test decides what the rule finds."""

    def __init__(self, server, certificate):
        self.server, self.db, self.certificate = server, server.db, certificate
        self.receivers, self.channels = [], []
        # The test makes the first evaluation, and the worker would make the next one a day later.
        self.db.execute("UPDATE pganalytics.alert_rules SET enabled = false")
        self.db.execute("""
            INSERT INTO pganalytics.alert_rules (name, query, threshold, evaluate_every)
            VALUES ('wave', 'SELECT 1 AS value, pganalytics.evaluation_time() AS at', 0, '1 day');
            SELECT FROM pganalytics.record_evaluation('wave', now(), '{}', '{}', NULL, 0)""")

    def find(self, hosts):
        """find has the rule find exactly these hosts, once; every fourth host belongs to the same group."""
        self.db.execute("""
            SELECT FROM pganalytics.record_evaluation('wave', clock_timestamp(),
                ARRAY(SELECT jsonb_build_object('host', h, 'part', right(h, 1)::integer %% 4)
                      FROM unnest(%s::text[]) h),
                array_fill(1::float8, ARRAY[cardinality(%s::text[])]), NULL, 0)""", hosts, hosts)

    def waves(self, count, after_each=lambda: None):
        """waves lets each host fire and end in its own rhythm; at the end none fires."""
        for i in range(count):
            self.find([host for n, host in enumerate(HOSTS) if (i >> (n % 3)) % 2 == 0])
            after_each()
        self.find([])

    def receiver(self, *answers, **options):
        self.receivers.append(Receiver(self.certificate, answers, **options))
        return self.receivers[-1]

    def channel(self, url, **columns):
        name = f"hook-{next(_names)}"
        self.channels.append(name)
        columns = {"kind": "webhook", "url": url, "authentication": "hmac", "group_wait": "0",
                   "group_by": ["part"], **columns}
        self.db.execute(f"INSERT INTO pganalytics.alert_channels (name, {', '.join(columns)}) "
                        f"VALUES (%s, {', '.join(['%s'] * len(columns))})", name, *columns.values())
        self.db.execute("SELECT pganalytics.set_channel_secret(%s, %s)", name, SECRET)
        return name

    def count(self, channel, condition):
        return self.db.value(f"SELECT count(*)::int FROM pganalytics.alert_deliveries "
                             f"WHERE channel = %s AND ({condition})", channel)

    def try_now(self, channel):
        """try_now makes delayed deliveries due: no test waits minutes for a back-off."""
        self.db.execute("UPDATE pganalytics.alert_channels SET repeat_every = repeat_every WHERE name = %s",
                        channel)

    def wait_until_told(self, channel, receiver):
        """wait_until_told waits until no delivery waits, and compares the notifications with the alerts."""
        def all_sent():
            if self.count(channel, "state = 'waiting'") == 0:
                return True
            self.try_now(channel)
            return False
        wait_until(all_sent, 60, f"end of what waits for {channel}", interval=0.2)
        assert self.count(channel, "state <> 'sent'") == 0
        words = 0
        for host in HOSTS:
            happened = self.db.rows("""
                SELECT w.status, pganalytics.alert_time(a.fired_at) FROM pganalytics.alerts a,
                    LATERAL (VALUES ('firing', 1), ('resolved', 2)) AS w(status, place)
                WHERE a.labels ->> 'host' = %s AND (w.status = 'firing' OR a.state = 'resolved')
                ORDER BY a.alert_id, w.place""", host)
            assert receiver.sequence(host) == happened, host
            words += len(happened)
        assert words == self.count(channel, "alert_id IS NOT NULL") > 0

    def worker(self):
        return self.db.row("SELECT pid, gateway_pid FROM pganalytics.workers WHERE kind = 'alerts'")


@pytest.fixture(scope="module")
def alerts(make_server, root):
    _, _, certificate = make_certificate(root, "alert-receiver")
    os.chmod(certificate, 0o644)
    own = make_server("delivering", alert_allowed_hosts="127.0.0.1", alert_ca_file=certificate,
                      alert_timeout="3s", api_port=0)
    yield World(own, certificate)


@pytest.fixture
def world(alerts):
    """Each test begins without alerts and channels."""
    alerts.db.execute("TRUNCATE pganalytics.alerts, pganalytics.alert_history, pganalytics.alert_outbox")
    yield alerts
    for channel in alerts.channels:
        alerts.db.execute("DELETE FROM pganalytics.alert_channels WHERE name = %s", channel)
    for receiver in alerts.receivers:
        receiver.close()
    alerts.receivers, alerts.channels = [], []


@pytest.fixture
def load(world):
    credentials = world.server.collector()
    with Load(world.server.port, world.server.ca_file, credentials, 50, threads=1) as running:
        wait_until(lambda: running.count() >= 5, 20, "5 acknowledged pushes")
        yield running


def test_receiver_down(world, load):
    """Notifications queued while a receiver is down arrive when it is back; pushes are not affected."""
    receiver = world.receiver()
    port = receiver.port
    receiver.close()
    channel = world.channel(receiver.url)
    world.waves(12)
    # The worker tries each of the four groups more than once.
    wait_until(lambda: world.db.value(
        "SELECT count(DISTINCT group_key)::int FROM pganalytics.alert_outbox "
        "WHERE channel = %s AND attempts >= 2 AND state = 'waiting'", channel) == 4, 20, "second attempts")
    error, = {row[0] for row in world.db.rows(
        "SELECT DISTINCT last_error FROM pganalytics.alert_deliveries WHERE channel = %s AND attempts > 0",
        channel)}
    assert "onnect" in error
    assert not receiver.taken and world.count(channel, "state = 'sent'") == 0
    pushes = load.count()
    world.receivers.remove(receiver)
    receiver = world.receiver(port=port)
    world.wait_until_told(channel, receiver)
    wait_until(lambda: load.count() > pushes, 10, "pushes")
    assert load.stop().failures == []
    # Notifications with the same labels came in separate deliveries.
    for _, alerts in receiver.taken:
        hosts = [alert["labels"]["host"] for alert in alerts]
        assert len(hosts) == len(set(hosts))


def test_bad_answers(world, load):
    """Each bad answer is retried, and later notifications wait. Each kind has a channel, all at once."""
    kinds = {"500": (500,), "503": (503, 502), "reset": (alert_receiver.reset,) * 2,
             "cut": (alert_receiver.cut_head,) * 2, "no HTTP": (alert_receiver.no_http,),
             "408": (408, 425)}
    made = {kind: world.receiver(*answers) for kind, answers in kinds.items()}
    channels = {kind: world.channel(receiver.url) for kind, receiver in made.items()}
    world.waves(8)
    for kind, channel in channels.items():
        world.wait_until_told(channel, made[kind])
        attempts = world.db.value("SELECT sum(attempts)::int FROM pganalytics.alert_outbox "
                                  "WHERE channel = %s",
                                  channel)
        assert attempts > world.count(channel, "true"), f"{kind} was never answered"
        assert not made[kind].answers
    assert load.stop().failures == []


def test_retry_after(world):
    """A receiver that answers 429 gets no retry before the time in its Retry-After."""
    receiver = world.receiver((429, {"Retry-After": "3"}))
    channel = world.channel(receiver.url, group_by=[])
    world.find(["h0"])
    wait_until(lambda: world.count(channel, "state = 'sent'"), 20, "the second attempt")
    first, second = receiver.tries
    assert second - first >= 3
    assert world.db.row("SELECT attempts, last_status FROM pganalytics.alert_deliveries "
                        "WHERE channel = %s", channel) == (2, 200)
    world.find([])
    world.wait_until_told(channel, receiver)


def test_slow(world, load):
    """A delivery that times out is retried, and delays no other channel or group."""
    slow = world.receiver(alert_receiver.silent)
    other = world.receiver()
    channel, beside = world.channel(slow.url), world.channel(other.url)
    world.find(HOSTS)
    wait_until(lambda: world.count(beside, "state = 'sent'") == len(HOSTS), 20, "delivery beside it")
    wait_until(lambda: world.count(channel, "state = 'sent'") == len(HOSTS) * 3 // 4, 20, "its other groups")
    wait_until(lambda: world.count(channel, "attempts = 1 AND state = 'waiting'") == 2, 20, "end of its time")
    error, = {row[0] for row in world.db.rows(
        "SELECT last_error FROM pganalytics.alert_deliveries "
        "WHERE channel = %s AND state = 'waiting'", channel)}
    assert "imed out" in error
    world.find([])
    world.wait_until_told(channel, slow)
    world.wait_until_told(beside, other)
    assert load.stop().failures == []


def test_redirect(world):
    """A redirect is not followed and ends the delivery as a dead letter; redeliver() delivers it later."""
    target = world.receiver()
    receiver = world.receiver((301, {"Location": target.url}), (307, {"Location": target.url}))
    channel = world.channel(receiver.url, group_by=["host"])
    world.find(["h0", "h1"])
    wait_until(lambda: world.count(channel, "state = 'dead'") == 2, 20, "dead letters")
    assert world.db.rows("SELECT DISTINCT attempts, overtaken FROM pganalytics.alert_dead_letters "
                         "WHERE channel = %s", channel) == [(1, False)]
    assert {status for status, in world.db.rows(
        "SELECT last_status FROM pganalytics.alert_dead_letters WHERE channel = %s", channel)} == {301, 307}
    assert not target.tries and len(receiver.tries) == 2
    assert world.db.value("SELECT pganalytics.redeliver(%s)", channel) == 2
    wait_until(lambda: world.count(channel, "state = 'sent'") == 2, 20, "redelivery")
    assert [len(receiver.sequence(host)) for host in ("h0", "h1")] == [1, 1]
    assert not target.tries


def test_given_up(world):
    """A notification is dead after give_up_after; the alert's end is delivered nevertheless."""
    receiver = world.receiver(*[500] * 3)
    channel = world.channel(receiver.url, give_up_after="1 s", group_by=[])
    world.find(["h0"])
    wait_until(lambda: world.count(channel, "state = 'dead'") == 1, 20, "a dead letter")
    receiver.answers.clear()
    world.find([])
    wait_until(lambda: world.count(channel, "state = 'sent'") == 1, 20, "the end")
    assert [status for status, _ in receiver.sequence("h0")] == ["resolved"]
    assert world.db.row("SELECT status, overtaken FROM pganalytics.alert_dead_letters "
                        "WHERE channel = %s", channel) == ("firing", True)


def test_courier_killed(world, load):
    """The courier is killed again and again during deliveries; every notification arrives."""
    receiver = world.receiver(pause=0.05)
    channel = world.channel(receiver.url)
    killed = set()

    def kill():
        courier = world.worker()[1]
        if courier is not None and courier not in killed and len(killed) < 5:
            os.kill(courier, signal.SIGKILL)
            killed.add(courier)

    world.waves(24, kill)
    wait_until(lambda: kill() or len(killed) == 5 or not world.count(channel, "state = 'waiting'"), 30,
               "kills")
    world.wait_until_told(channel, receiver)
    assert len(killed) >= 3
    assert load.stop().failures == []
    print(f"{len(killed)} kills, {len(receiver.tries)} tries, "
          f"{world.count(channel, 'true')} notifications")


@pytest.mark.crashes
@pytest.mark.parametrize("whom", ["worker", "postmaster"])
def test_server_killed(world, load, whom):
    """A committed notification is delivered after recovery, once more if its delivery was in progress."""
    receiver = world.receiver(pause=0.05)
    channel = world.channel(receiver.url)
    for _ in range(2):
        world.waves(8)
        wait_until(lambda: world.count(channel, "state = 'sent'")
                           and world.count(channel, "state = 'waiting'")
                   and world.worker()[1], 20, "a courier with something left to do")
        worker, courier = world.worker()
        if whom == "worker":
            os.kill(worker, signal.SIGKILL)  # the postmaster restarts all processes
        else:
            world.server.cluster.stop(signal.SIGKILL)
            world.server.cluster.restart()
        wait_until(lambda: not os.path.exists(f"/proc/{courier}"), 10, "the courier's end")
        wait_until(lambda: serves(world, worker), 30, "another worker")
        world.waves(4)
    world.wait_until_told(channel, receiver)
    load.stop()
    print(f"{len(receiver.tries)} tries, {world.count(channel, 'true')} notifications")


def serves(world, before):
    """serves says whether a new alerts worker runs."""
    try:
        return world.worker()[0] not in (None, before)
    except psycopg2.Error:
        return False


def test_server_restarted(world):
    """A fast shutdown does not wait for receivers, and no notification is lost."""
    receiver = world.receiver(alert_receiver.silent)
    channel = world.channel(receiver.url, group_by=[])
    world.waves(6)
    wait_until(lambda: len(receiver.tries) == 1, 20, "the first attempt")
    began = time.monotonic()
    world.server.cluster.stop()
    assert time.monotonic() - began < 5
    world.server.cluster.start().wait_until_running()
    world.wait_until_told(channel, receiver)


def test_channel_disabled_and_changed(world):
    """Notifications of a disabled channel wait, and then go to the channel's new URL."""
    old = world.receiver(*[503] * 100)
    channel = world.channel(old.url)
    world.waves(4)
    wait_until(lambda: len(old.tries) >= 4, 20, "attempts")
    world.db.execute("UPDATE pganalytics.alert_channels SET enabled = false WHERE name = %s", channel)
    new = world.receiver()
    world.db.execute("UPDATE pganalytics.alert_channels SET url = %s, enabled = true WHERE name = %s",
                     new.url, channel)
    world.wait_until_told(channel, new)
    assert not old.taken


def test_no_link_without_a_port_for_people(world):
    """If there is no port for people and no other address of theirs, nothing names port 0."""
    receiver = world.receiver()
    world.channel(receiver.url)
    world.find(HOSTS[:1])
    wait_until(lambda: receiver.taken, 20, "a notification")
    alert, = receiver.taken[0][1]
    assert alert["generatorURL"] == ""
    assert world.db.row("SELECT pganalytics.external_url(), url "
                        "FROM pganalytics.create_scrape_token('prometheus')") == ("", None)
    world.find([])


def test_anchors(world):
    """The head of the audit log is delivered, and verify_audit_log() confirms it."""
    receiver = world.receiver()
    channel = world.channel(receiver.url, anchors=True)
    wait_until(lambda: receiver.taken, 30, "an anchor")
    alert, = receiver.taken[0][1]
    assert alert["labels"]["alertname"] == "audit_log_head"
    anchor = alert["annotations"]["anchor"]
    status, reason = world.db.row("SELECT status, reason FROM pganalytics.verify_audit_log(%s)", anchor)
    assert (status, reason) == ("unbroken", None), anchor
    number, digest = anchor.split(":")
    forged = f"{number}:{'0' if digest[0] != '0' else '1'}{digest[1:]}"
    assert world.db.value("SELECT status FROM pganalytics.verify_audit_log(%s)", forged) == "broken"
    assert world.count(channel, "state = 'sent' AND alert_id IS NULL") == 1


def test_heartbeat(world):
    """A channel that asks for it gets the heartbeat again and again, and no longer when the worker stops."""
    watch, other = world.receiver(), world.receiver()
    channel = world.channel(watch.url, heartbeat_every="30 s", matchers='[{"name": "host", "value": "none"}]')
    beside = world.channel(other.url)

    def age(seconds):
        world.db.execute("UPDATE pganalytics.alert_outbox SET created_at = now() - interval '1 s' * %s "
                         "WHERE channel = %s AND latest", seconds, channel)

    world.db.execute("UPDATE pganalytics.alert_rules SET enabled = true WHERE name = 'heartbeat'")
    try:
        for beats in (1, 2, 3):
            wait_until(lambda n=beats: len(watch.taken) == n, 30, f"heartbeat {beats}")
            alert, = watch.taken[-1][1]
            assert (alert["labels"]["alertname"], alert["status"]) == ("heartbeat", "firing")
            wait_until(lambda: world.count(channel, "state = 'waiting'") == 0, 10, "its end")
            if beats < 3:
                age(30)
        worker = world.worker()[0]
        os.kill(worker, signal.SIGSTOP)
        try:
            age(29)
            # A worker that ran would have sent it 5 s after the 30 s at the latest.
            wait_until(lambda: world.db.value(
                "SELECT now() - created_at > '36 s' FROM pganalytics.alert_outbox "
                "WHERE channel = %s AND latest", channel), 20, "the next one's time")
            assert len(watch.taken) == 3
        finally:
            os.kill(worker, signal.SIGCONT)
        wait_until(lambda: len(watch.taken) == 4, 20, "the next heartbeat")
        assert world.count(channel, "status = 'resolved'") == 0
        assert not world.db.rows("SELECT FROM pganalytics.active_alerts")
    finally:
        world.db.execute("UPDATE pganalytics.alert_rules SET enabled = false WHERE name = 'heartbeat'")
    # Its end is not sent: to a service that waits for the heartbeat it would be one more.
    wait_until(lambda: world.db.value("SELECT state = 'resolved' FROM pganalytics.alerts"), 10, "its end")
    wait_until(lambda: not world.db.rows(
        "SELECT FROM pganalytics.alert_outbox WHERE latest AND status = 'firing' AND channel = %s",
        channel), 20, "the comparison")
    assert len(watch.taken) == 4 and not other.tries and world.count(beside, "true") == 0


def test_row_that_cannot_be_sent(world, load):
    """A row of the outbox that nothing can be made of is a dead letter, and stops nothing else."""
    receiver, other = world.receiver(), world.receiver()
    channel, beside = world.channel(receiver.url, group_by=[]), world.channel(other.url)
    for alert in ('{"labels": 5}', "5", '{"labels": {}, "annotations": {"a": 5}}'):
        world.db.execute(
            "INSERT INTO pganalytics.alert_outbox (channel, fingerprint, group_key, status, alert, "
            "latest, created_at, waiting_since, due_at) "
            "VALUES (%s, %s, '{}:{}', 'firing', %s, false, now(), now(), now())", channel, alert, alert)
    world.waves(3)
    dead = "state = 'dead' AND starts_with(last_error, 'it cannot be sent')"
    wait_until(lambda: world.count(channel, dead) == 3, 20, "dead letters")
    world.db.execute("DELETE FROM pganalytics.alert_outbox WHERE state = 'dead'")
    world.wait_until_told(channel, receiver)
    world.wait_until_told(beside, other)
    assert load.stop().failures == []
