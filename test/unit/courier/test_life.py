"""The courier's process: its sandbox, refused configurations, hostile frames, its end."""
import os
import signal
import socket
import struct
import time

import pytest

from conftest import PROGRAM
from courier import SENT, Courier
from worker_frames import COURIER_CONFIG, DELIVERY, HEAD, MAGIC, VERSION, frame, text


def lines_of(pid, name):
    with open(f"/proc/{pid}/{name}", encoding="ascii") as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


def test_process_is_confined(courier, receiver):
    hook = receiver()
    one = courier(allowed="localhost")
    assert one.ready == 1
    assert one.deliver(hook.url()).outcome == SENT
    status = lines_of(one.pid, "status")
    assert status["Seccomp"] == "2" and status["NoNewPrivs"] == "1"
    with open(f"/proc/{one.pid}/oom_score_adj", encoding="ascii") as file:
        assert int(file.read()) == 500
    with open(f"/proc/{one.pid}/limits", encoding="ascii") as file:
        limits = {line[:26].strip(): line[26:].split()[0] for line in file}
    assert limits["Max core file size"] == "0" and limits["Max open files"] == "256"
    assert limits["Max address space"].isdigit()
    # The process is not dumpable, so another process of its user can neither read it in /proc nor
    # attach to it.
    assert one.deliver(hook.url()).outcome == SENT


@pytest.mark.parametrize("changes, named", [
    (dict(allowed="a,,b"), "alert_allowed_hosts"), (dict(allowed="10.0.0.1/8"), "alert_allowed_hosts"),
    (dict(relay=""), "smtp_relay"), (dict(relay="localhost"), "smtp_relay"),
    (dict(relay="localhost:25\r\n"), "smtp_relay"), (dict(sender="a b"), "alert_mail_from"),
    (dict(ca="/nonexistent"), "No such file"), (dict(ca="/etc/hosts"), "no PEM certificate"),
    (dict(ca="/etc"), "Is a directory"), (dict(timeout_ms=0), "out of range"),
    (dict(connect_ms=0), "out of range"), (dict(agent="a\r\nX-Evil: 1"), "out of range")])
def test_start_fails_with_the_reason(courier, changes, named):
    one = courier(**changes)
    assert one.ready is None and named in one.failed


def test_authorities_are_read_before_the_sandbox_closes(courier, receiver, certificates, tmp_path):
    """The authorities are in a directory that the sandbox does not let the courier read."""
    file = tmp_path / "ca.pem"
    file.write_bytes(open(certificates.ca_file, "rb").read())
    hook = receiver(tls=certificates.make("known"))
    one = courier(allowed="localhost", ca=str(file))
    file.unlink()
    assert one.deliver(hook.url()).outcome == SENT


def packed(kind=0, authentication=0, key="k", url="https://localhost:1/", rest=("",) * 5):
    return struct.pack("<II", kind, authentication) + text(key) + text(url) + b"".join(map(text, rest))


BROKEN = {
    "no frame": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "another version": HEAD.pack(MAGIC, DELIVERY, VERSION + 1, 0, 1),
    "odd size": HEAD.pack(MAGIC, DELIVERY, VERSION, 7, 1),
    "too large": HEAD.pack(MAGIC, DELIVERY, VERSION, (16 << 20) + 8, 1),
    "empty": frame(DELIVERY, 1, b""),
    "another type": frame(200, 1, packed()),
    "a second configuration": frame(COURIER_CONFIG, 1, packed()),
    "kind of another version": frame(DELIVERY, 1, packed(kind=2)),
    "authentication of another version": frame(DELIVERY, 1, packed(authentication=3)),
    "bytes behind": frame(DELIVERY, 1, packed() + bytes(16)),
    "length that is not there": frame(DELIVERY, 1, struct.pack("<II", 0, 0) + b"\xff\xff\xff\xff"),
    "cut": frame(DELIVERY, 1, packed()[:-8]),
}


@pytest.mark.parametrize("what", BROKEN)
def test_broken_frames_end_it(what):
    one = Courier(PROGRAM).start()
    one.sock.sendall(BROKEN[what])
    assert os.waitstatus_to_exitcode(one.exit_status()) == 1
    assert "pganalytics-courier: the worker sent" in one.log()
    one.sock.close()
    os.close(one.log_fd)


def test_a_number_in_use_and_too_many_end_it(receiver):
    for numbers in ([1, 1], range(17)):
        slow = receiver(lambda connection: slow.released.wait(20))
        one = Courier(PROGRAM, allowed="localhost").start()
        for number in numbers:
            one.sock.sendall(frame(DELIVERY, number, packed(url=slow.url())))
        assert os.waitstatus_to_exitcode(one.exit_status()) == 1
        assert "more deliveries than it may" in one.log()
        one.sock.close()
        os.close(one.log_fd)


def test_first_frame_must_be_a_configuration():
    for sent in (frame(DELIVERY, 1, packed()), b"x" * 64, frame(COURIER_CONFIG, 0, bytes(8))):
        one = Courier(PROGRAM)
        one.sock.sendall(sent)
        one.sock.shutdown(socket.SHUT_WR)
        assert os.waitstatus_to_exitcode(one.exit_status()) == 1
        one.sock.close()
        os.close(one.log_fd)


def test_leaves_with_its_worker(courier, receiver):
    """The courier ends with its worker, during a delivery and before its configuration."""
    slow = receiver(lambda connection: slow.released.wait(20))
    one = courier(allowed="localhost")
    one.send(slow.url())
    while not slow.requests:
        time.sleep(0.01)
    begun = time.monotonic()
    assert one.stop() == 0 and time.monotonic() - begun < 2
    one.stop = lambda: 0
    silent = Courier(PROGRAM)
    assert os.waitstatus_to_exitcode(silent.stop()) == 1


def test_frames_may_come_in_pieces(courier, receiver):
    hook = receiver()
    one = courier(allowed="localhost")
    sent = frame(DELIVERY, 1, packed(url=hook.url(), rest=("", "", "", "text/plain", "body")))
    for at in range(0, len(sent), 3):
        one.sock.sendall(sent[at:at + 3])
    assert one.result(1).outcome == SENT and hook.requests[0].body == b"body"


def test_dies_with_its_parent():
    """Even a stopped courier does not outlive a worker that is killed."""
    read_end, write_end = os.pipe()
    worker = os.fork()
    if worker == 0:
        one = Courier(PROGRAM).start()
        os.kill(one.pid, signal.SIGSTOP)
        os.write(write_end, struct.pack("i", one.pid))
        signal.pause()
    pid, = struct.unpack("i", os.read(read_end, 4))
    assert os.path.exists(f"/proc/{pid}")
    os.kill(worker, signal.SIGKILL)
    os.waitpid(worker, 0)
    end = time.monotonic() + 10
    while os.path.exists(f"/proc/{pid}") and lines_of(pid, "status")["State"][0] not in "ZX":
        assert time.monotonic() < end
        time.sleep(0.01)
    os.close(read_end)
    os.close(write_end)
