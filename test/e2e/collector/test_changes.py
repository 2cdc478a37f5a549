"""A running collector takes changed secrets and a changed file; two never push as one."""
import os
import signal
import uuid

import pytest

import cluster
import pki
import product
from cluster import wait_until


@pytest.fixture(scope="module")
def second(root):
    one = product.Monitored(root, "changed")
    one.init().start().create()
    yield one
    one.remove()


@pytest.fixture
def collector(server, monitored, credentials, root):
    one = product.Collector(root / f"changes-{credentials.collector_id[:8]}", server.cluster,
                            credentials, [monitored], interval="200ms")
    yield one
    one.stop()


def wait_for_pushes(server, credentials, name, more=2):
    before = server.pushes(credentials, name)
    wait_until(lambda: server.pushes(credentials, name) >= before + more, 20, f"pushes of {name}")


def wait_for_log(collector, text, times=1):
    wait_until(lambda: collector.log_text().count(text) >= times, 20, f"{text!r} in the log")


def hup(collector, text):
    """hup sends SIGHUP and waits until the log has one line more with the text."""
    times = collector.log_text().count(text) + 1
    collector.process.send_signal(signal.SIGHUP)
    wait_for_log(collector, text, times)


def test_changed_password_is_taken(server, monitored, credentials, collector):
    collector.start()
    wait_for_pushes(server, credentials, "monitored")
    other = os.urandom(12).hex()
    try:
        monitored.psql(f"ALTER ROLE pganalytics PASSWORD '{other}';"
                       "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                       "WHERE usename = 'pganalytics'")
        wait_for_log(collector, "monitored: cannot be read")
        assert "which is read again for each connection" in collector.run("check").stdout
        product.write_secret(collector.directory / "monitored.password", other)
        wait_for_pushes(server, credentials, "monitored")
    finally:
        monitored.psql(f"ALTER ROLE pganalytics PASSWORD '{monitored.password}'")
    assert other not in collector.log_text() and monitored.password not in collector.log_text()


def test_rotated_token_is_taken(server, credentials, collector):
    collector.start()
    wait_for_pushes(server, credentials, "monitored")
    name = server.db.value("SELECT name FROM pganalytics.collectors WHERE collector_id = %s",
                           credentials.collector_id)
    token = server.db.value("SELECT token FROM pganalytics.rotate_token(%s)", name)
    wait_for_log(collector, "not accepted from this collector")
    stored = server.pushes(credentials, "monitored")
    product.write_secret(collector.directory / "token", token)
    wait_until(lambda: server.pushes(credentials, "monitored") > stored + 1, 20, "pushes again")
    assert "another token read" in collector.log_text()
    # What waited was stored, too: no push is missing.
    assert server.db.value("SELECT max(sequence) = count(*) FROM pganalytics.push_ledger "
                           "WHERE collector_id = %s", credentials.collector_id) is True
    assert token not in collector.log_text()


def test_changed_ca_file_is_taken(server, credentials, collector):
    right = server.ca_file.read_text()
    ca_file = collector.directory / "server-ca.pem"
    product.write_secret(collector.config, collector.config.read_text().replace(
        str(server.ca_file), str(ca_file)))
    product.write_secret(ca_file, pki.pem(pki.Authority("before").certificate))
    collector.start()
    wait_for_log(collector, "the server is not verified")
    product.write_secret(ca_file, right)
    wait_for_pushes(server, credentials, "monitored")


def test_reload(server, monitored, second, credentials, collector):
    """Servers come and go, the interval changes, and a bad file changes nothing."""
    with_both = product.Collector(collector.directory, server.cluster, credentials,
                                  [monitored, second], interval="200ms").config.read_text()
    only_first = with_both[:with_both.index('[[postgres]]\nname = "changed"')]
    only_second = with_both.replace(with_both[with_both.index('[[postgres]]\nname = "monitored"'):
                                              with_both.index('[[postgres]]\nname = "changed"')], "")

    def use(text):
        product.write_secret(collector.config, text)

    use(only_first.replace('"200ms"', '"1h"'))
    collector.start()
    wait_for_log(collector, "1 server every 3600000 ms")
    # The wait for a sample in an hour ends at once.
    use(only_first)
    hup(collector, "configuration reloaded: 1 server every 200 ms")
    wait_for_pushes(server, credentials, "monitored")

    line = with_both.splitlines().index("[server]") + 1
    for text, why in ((only_first.replace("[server]", "[serve]"),
                       f'{collector.config}:{line}: unknown key "serve"'),
                      (only_first.replace(credentials.collector_id, str(uuid.uuid4())),
                       "collector_id is another one"),
                      (only_first.replace("collector_id", "#collector_id"), "collector_id is missing"),
                      (only_first.replace("/state", "/state2"), "state_dir is another one")):
        use(text)
        hup(collector, "configuration not reloaded, the one before stays: ")
        assert why in collector.log_text().splitlines()[-1]
        wait_for_pushes(server, credentials, "monitored")

    epoch = "SELECT count(DISTINCT epoch) FROM pganalytics.push_ledger JOIN pganalytics.servers s " \
        "USING (server_id) WHERE s.collector_id = %s AND s.name = 'monitored'"
    use(with_both)
    hup(collector, "configuration reloaded: 2 servers every 200 ms; new: changed")
    wait_for_pushes(server, credentials, "changed")
    # A server that is as before went on without a new start.
    assert server.db.value(epoch, credentials.collector_id) == 1

    use(only_second)
    hup(collector, "configuration reloaded: 1 server every 200 ms; removed: monitored")
    wait_for_pushes(server, credentials, "changed")
    stale = server.pushes(credentials, "monitored")
    wait_for_pushes(server, credentials, "changed")
    assert server.pushes(credentials, "monitored") == stale

    use(with_both)
    hup(collector, "; new: monitored")
    wait_for_pushes(server, credentials, "monitored")
    assert server.db.value(epoch, credentials.collector_id) == 2
    assert collector.process.poll() is None


def test_reload_while_the_analytics_server_is_away(server, monitored, second, credentials, collector):
    """Pushes that wait outlive a reload, also those of a server that it removes."""
    with_both = product.Collector(collector.directory, server.cluster, credentials,
                                  [monitored, second], interval="200ms").config.read_text()
    collector.start()
    for name in ("monitored", "changed"):
        wait_for_pushes(server, credentials, name)
    server.cluster.stop()
    try:
        wait_for_log(collector, "monitored: push")
        wait_for_log(collector, "changed: push")
        only_first = with_both[:with_both.index('[[postgres]]\nname = "changed"')]
        product.write_secret(collector.config, only_first)
        hup(collector, "; removed: changed")
    finally:
        server.cluster.start().wait_until_running()
    wait_for_pushes(server, credentials, "monitored")
    gaps = ("SELECT count(*) FROM (SELECT FROM pganalytics.push_ledger WHERE collector_id = %s "
            "GROUP BY epoch HAVING max(sequence) <> count(*)) missing")
    wait_until(lambda: server.db.value(gaps, credentials.collector_id) == 0, 30, "no push missing")


def test_second_collector_does_not_start(server, monitored, credentials, collector):
    """The lock is held for life; the kernel releases it, also after SIGKILL."""
    collector.state.mkdir()
    cluster.own(collector.state)
    collector.start()
    wait_for_pushes(server, credentials, "monitored")
    for command in ("run", "once"):
        done = collector.run(command, timeout=20)
        assert done.returncode == 1
        assert f'another pganalytics-collector runs with state directory "{collector.state}"' \
            in done.stderr
        assert "state_dir" in done.stderr
    # What pushes nothing in this collector's name needs no lock.
    assert collector.run("once", "--dry-run").returncode == 0
    assert collector.run("check").returncode == 0
    collector.stop(signal.SIGKILL)
    assert collector.run("once").returncode == 0
