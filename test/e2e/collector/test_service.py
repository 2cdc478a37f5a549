"""A collector under a service manager: what it tells it, and secrets that the manager hands over."""
import os
import pathlib
import signal
import socket
import time

import pytest

import cluster
import product


class Manager:
    """Manager has the socket to which a service sends its states."""

    def __init__(self, address):
        self.address = address
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.settimeout(20)
        self.socket.bind("\0" + address[1:] if address.startswith("@") else address)

    def state(self, *skipped):
        """state is the next message, as a dictionary, that has none of the skipped keys."""
        while True:
            lines = self.socket.recv(4096).decode().split("\n")
            state = dict(line.split("=", 1) for line in lines)
            if not state.keys() & set(skipped):
                return state

    def silent_for(self, seconds):
        """silent_for: after what has arrived already, no message arrives for so long."""
        self.socket.setblocking(False)
        try:
            while self.socket.recv(4096):
                pass
        except BlockingIOError:
            pass
        self.socket.settimeout(seconds)
        try:
            self.socket.recv(4096)
        except TimeoutError:
            return True
        finally:
            self.socket.settimeout(20)
        return False


@pytest.fixture(params=["a path", "an abstract name"])
def manager(request, root):
    path = root / "notify.socket"
    one = Manager(f"@{path}" if request.param == "an abstract name" else str(path))
    if request.param == "a path":
        path.chmod(0o666)
    yield one
    one.socket.close()
    path.unlink(missing_ok=True)


@pytest.fixture
def collector(server, monitored, credentials, root, manager):
    one = product.Collector(root / f"service-{credentials.collector_id[:8]}", server.cluster,
                            credentials, [monitored], interval="200ms",
                            env={"NOTIFY_SOCKET": manager.address})
    yield one
    one.stop()


def test_states(collector, manager):
    collector.start()
    assert manager.state() == {"READY": "1", "STATUS": "1 server every 200 ms"}
    content = collector.config.read_text()
    for now in ("300ms", "no interval"):
        product.write_secret(collector.config, content.replace("200ms", now))
        before = time.monotonic()
        collector.process.send_signal(signal.SIGHUP)
        reloading = manager.state()
        assert reloading.pop("RELOADING") == "1"
        # systemd takes only a time after its own request.
        assert before <= int(reloading.pop("MONOTONIC_USEC")) / 1e6 <= time.monotonic()
        assert reloading == {}
        assert manager.state() == {"READY": "1", "STATUS": (
            "1 server every 300 ms" if now == "300ms" else
            "the configuration cannot be used, the one before stays: see the log")}
    collector.process.send_signal(signal.SIGTERM)
    assert manager.state() == {"STOPPING": "1"}
    assert collector.process.wait(20) == 0


def test_a_wrong_configuration_is_never_ready(collector, manager):
    product.write_secret(collector.config, "interval = 1")
    collector.start()
    assert collector.process.wait(20) == 78
    assert manager.silent_for(0.1)


def test_watchdog(collector, manager):
    """Pings come twice in the limit, also while a reload goes on, and not from a stopped process."""
    collector.env["WATCHDOG_USEC"] = "200000"
    collector.start()
    assert manager.state() == {"READY": "1", "STATUS": "1 server every 200 ms"}
    for _ in range(5):
        assert manager.state() == {"WATCHDOG": "1"}
    collector.process.send_signal(signal.SIGHUP)
    assert "RELOADING" in manager.state("WATCHDOG")
    assert "READY" in manager.state("WATCHDOG")
    assert manager.state() == {"WATCHDOG": "1"}
    collector.process.send_signal(signal.SIGSTOP)
    # Field 3 of proc(5)'s stat is T when the kernel has stopped the threads.
    stat = pathlib.Path(f"/proc/{collector.process.pid}/stat")
    cluster.wait_until(lambda: stat.read_text().rsplit(")", 1)[1].split()[0] == "T", what="the stop")
    assert manager.silent_for(1)
    collector.process.send_signal(signal.SIGCONT)
    assert manager.state() == {"WATCHDOG": "1"}


def test_watchdog_of_another_process(collector, manager):
    """WATCHDOG_PID names whom the manager watches: not a program that inherited the variables."""
    collector.env |= {"WATCHDOG_USEC": "200000", "WATCHDOG_PID": "1"}
    collector.start()
    assert "READY" in manager.state()
    assert manager.silent_for(0.5)


def test_a_manager_that_is_away_for_a_while(server, credentials, collector, manager):
    """A collector does not stop its pings for good: the manager would restart it."""
    manager.socket.close()
    collector.env["WATCHDOG_USEC"] = "200000"
    collector.start()
    cluster.wait_until(lambda: server.pushes(credentials, "monitored") >= 2, 20, "pushes")
    assert collector.log_text().count("the service manager cannot be told") == 1
    if not manager.address.startswith("@"):
        os.unlink(manager.address)
    again = Manager(manager.address)
    if not manager.address.startswith("@"):
        os.chmod(manager.address, 0o666)
    assert again.state() == {"WATCHDOG": "1"}
    again.socket.close()


def test_watchdog_beside_a_server_that_says_nothing(server, credentials, root, manager):
    """Waiting for an answer is no hang: pings go on."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        class Silent:
            name, password, port = "silent", "none", silent.getsockname()[1]
        one = product.Collector(root / f"silent-{credentials.collector_id[:8]}", server.cluster,
                                credentials, [Silent], interval="200ms",
                                env={"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "200000"})
        one.start()
        try:
            connected, _ = silent.accept()
            with connected:
                assert "READY" in manager.state("WATCHDOG")
                for _ in range(10):
                    assert manager.state() == {"WATCHDOG": "1"}
        finally:
            one.stop()


def test_credentials(server, credentials, collector, manager):
    """Secrets in $CREDENTIALS_DIRECTORY, which the group may read, as systemd shows them."""
    directory = collector.directory / "credentials"
    directory.mkdir()
    cluster.own(directory)
    content = collector.config.read_text()
    for name in ("token", "monitored.password"):
        secret = (collector.directory / name).read_text()
        (collector.directory / name).unlink()
        product.write_secret(directory / name, secret).chmod(0o440)
        content = content.replace(f"{collector.directory}/{name}", f"$CREDENTIALS_DIRECTORY/{name}")
    product.write_secret(collector.config, content)
    for env in ({}, {"CREDENTIALS_DIRECTORY": ""}):
        collector.log.unlink(missing_ok=True)
        collector.env |= env
        collector.start()
        assert collector.process.wait(20) == 78
        assert "token_file is in $CREDENTIALS_DIRECTORY, which is not set" in collector.log_text()

    collector.env["CREDENTIALS_DIRECTORY"] = str(directory)
    collector.start()
    assert "READY" in manager.state()
    cluster.wait_until(lambda: server.pushes(credentials, "monitored") >= 2, 20, "pushes")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")
@pytest.mark.parametrize("mode, warned", [(0o640, False), (0o644, True), (0o660, True)])
def test_configuration_that_the_package_owns(credentials, collector, manager, mode, warned):
    """A file of root with a secret in it, which the collector reads by its group."""
    token_file = f'token_file = "{collector.directory / "token"}"'
    content = collector.config.read_text()
    assert token_file in content
    product.write_secret(collector.config, content.replace(token_file, f'token = "{credentials.token}"'))
    os.chown(collector.config, 0, -1)
    collector.config.chmod(mode)
    collector.start()
    assert "READY" in manager.state()
    assert ("holds a secret and others can read it" in collector.log_text()) == warned
