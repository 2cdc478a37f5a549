"""Our collector gets a certificate, uses and renews it, and trusts no server but its own."""
import json
import pathlib
import signal
import socket
import subprocess

import pytest

import pki
import product
from stranger import Stranger

SECRET = "pge_" + "5e" * 32
OTHER_PIN = "sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="


@pytest.fixture
def own_directory(root, request):
    """own_directory is one per test, writable for the collector's user."""
    path = root / ("enrol-" + "".join(c if c.isalnum() else "_" for c in request.node.name)[:60])
    path.mkdir()
    product.cluster.own(path)
    return path


@pytest.fixture
def stranger(own_directory):
    one = Stranger(own_directory)
    yield one
    one.close()


@pytest.fixture
def unenrolled(own_directory):
    """unenrolled is a collector that has not enrolled with any server."""
    return product.Collector(own_directory / "collector", None, None, [])


def trust_of(authority, *pins):
    return json.dumps({"version": 1, "authorities": [pki.pem(authority.certificate)],
                       "pins": list(pins)})


# By what the collector verifies the server, which is a stranger's, and the reason that it then
# reports.
@pytest.mark.parametrize("verify, reason", [
    (["--pin", OTHER_PIN], "public key"),
    (["--ca-file", "OTHER CA"], "certificate"),
    (["--pin", OTHER_PIN, "--ca-file", "ITS CA"], "public key"),
    (["--pin", "ITS PIN", "--ca-file", "OTHER CA"], "certificate"),
    ([], "certificate"),  # only the system's authorities
])
def test_nothing_is_sent_to_a_stranger(stranger, unenrolled, own_directory, verify, reason):
    other = own_directory / "other.pem"
    other.write_text(pki.pem(pki.Authority("another").certificate))
    names = {"OTHER CA": str(other), "ITS CA": str(stranger.ca_file), "ITS PIN": stranger.pin}
    done = unenrolled.enroll(SECRET, *(names.get(word, word) for word in verify),
                             server=f"https://localhost:{stranger.port}")
    assert done.returncode == 1
    assert reason in done.stderr and "token was not sent" in done.stderr, done.stderr
    assert SECRET not in done.stdout + done.stderr
    assert stranger.received == b""
    assert not (unenrolled.state / "request.pem").exists()


def test_wrong_name_is_refused_even_by_the_right_authority(own_directory, unenrolled):
    stranger = Stranger(own_directory, names=("elsewhere.example.com",))
    try:
        done = unenrolled.enroll(SECRET, "--ca-file", str(stranger.ca_file),
                                 server=f"https://localhost:{stranger.port}")
        assert done.returncode == 1 and "name" in done.stderr, done.stderr
        assert stranger.received == b""
    finally:
        stranger.close()


@pytest.mark.parametrize("document", ["another authority", "another pin", "nonsense", "trust in nothing",
                                      "none"])
def test_token_waits_for_a_trust_document_that_is_true(stranger, unenrolled, document):
    """A server with the right pin gets no token if its trust document does not verify it."""
    other = pki.Authority("another")
    stranger.answers["/api/v1/health"] = "{}"
    if document != "none":
        stranger.answers["/api/v1/pki/trust"] = {
            "another authority": trust_of(other, stranger.pin),
            "another pin": trust_of(stranger.authority, OTHER_PIN),
            "nonsense": '{"version":1,"authorities":[],"pins":["x"]}',
            "trust in nothing": '{"version":1,"authorities":[],"pins":[]}'}[document]
    done = unenrolled.enroll(SECRET, "--pin", stranger.pin,
                             server=f"https://localhost:{stranger.port}")
    assert done.returncode == 1, done.stdout
    assert "trust document" in done.stderr
    assert (document == "trust in nothing") == ("neither authorities nor pins" in done.stderr)
    assert b"GET /api/v1/pki/trust" in stranger.received
    assert SECRET.encode() not in stranger.received and b"POST" not in stranger.received
    # With a document that does verify the server the token is sent, so the check above can fail.
    stranger.answers["/api/v1/pki/trust"] = trust_of(stranger.authority, stranger.pin)
    done = unenrolled.enroll(SECRET, "--pin", stranger.pin,
                             server=f"https://localhost:{stranger.port}")
    assert done.returncode == 1
    assert SECRET.encode() in stranger.received
    assert "404" in done.stderr


def test_token_in_the_command_line_is_not_seen(unenrolled):
    """ps shows no token while the server accepts the connection and answers nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        silent = listener.getsockname()[1]
        for form in (["--token", SECRET], [f"--token={SECRET}"]):
            process = subprocess.Popen(
                [product.collector_program(), "enroll", "--server", f"https://localhost:{silent}",
                 "--pin", OTHER_PIN, "--state-dir", str(unenrolled.state), *form],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                **product.cluster.as_service_user())
            try:
                connection, _ = listener.accept()  # it wiped its arguments before it connected
                seen = pathlib.Path(f"/proc/{process.pid}/cmdline").read_bytes()
                assert SECRET.encode() not in seen and b"--token" in seen
                connection.close()
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait(10)


@pytest.mark.parametrize("arguments, said", [
    (["--token-file", "-"], "no token"),
    (["--token", SECRET, "--token-file", "-"], "together"),
    (["--token-file", "OPEN"], "chmod 0600"),
    (["--token", "two words"], "visible ASCII"),
    (["--token", SECRET, "--pin", "md5/x"], "--pin"),
    (["--token", SECRET, "--server", "http://localhost"], "https"),
    (["--token", SECRET, "--ca-file", "/none.pem"], "none.pem"),
])
def test_wrong_arguments_are_named(own_directory, unenrolled, arguments, said):
    open_file = own_directory / "open"
    open_file.write_text(SECRET)
    open_file.chmod(0o644)
    arguments = [str(open_file) if word == "OPEN" else word for word in arguments]
    if "--server" not in arguments:
        arguments += ["--server", "https://localhost:1"]
    done = unenrolled.run("enroll", *arguments, input="")
    assert done.returncode == 1
    assert said in done.stderr, done.stderr
    assert SECRET not in done.stdout + done.stderr
