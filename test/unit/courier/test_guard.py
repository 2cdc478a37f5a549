"""Which addresses a channel may reach: the courier judges the address, in any spelling, when it connects."""
import pytest

from courier import DEAD, SENT

SETTING = "pganalytics.alert_allowed_hosts"

# Each of these is this machine, or an address that is not reachable from the internet.
INSIDE = ["127.0.0.1", "localhost", "LOCALHOST", "127.1", "127.0.1", "2130706433",
          "0x7f000001", "0x7f.1", "0177.0.0.1", "017700000001", "127.000.000.001", "0.0.0.0", "0",
          "%31%32%37.0.0.1", "\uff11\uff12\uff17.0.0.1",
          "[::1]", "[::]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]",
          "[::127.0.0.1]", "[64:ff9b::127.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]",
          "[::ffff:0:127.0.0.1]", "[fe80::1%25lo]", "[fd00::1]", "[fec0::1]", "[ff02::1]",
          "169.254.169.254", "10.0.0.1", "172.16.0.1", "192.168.0.1", "100.64.0.1", "224.0.0.1",
          "255.255.255.255", "[2001:db8::1]", "192.0.2.1"]


@pytest.mark.parametrize("host", INSIDE)
def test_inside_is_out_of_reach(courier, receiver, certificates, host):
    hook = receiver(tls=certificates.make("inside"))
    one = courier(ca=certificates.ca_file)
    result = one.deliver(hook.url(host=host))
    assert (result.outcome, result.status) == (DEAD, 0), result
    assert SETTING in result.message or "URL is malformed" in result.message, result
    assert hook.connections == 0
    # When it is allowed the courier reaches the receiver, so only the guard has prevented it above.
    assert courier(allowed="127.0.0.0/8", ca=certificates.ca_file).deliver(hook.url()).outcome == SENT


def test_most_spellings_are_addresses(courier):
    """Few of the spellings are refused as malformed URLs: the others reach the guard."""
    one = courier()
    malformed = [host for host in INSIDE
                 if SETTING not in one.deliver(f"https://{host}:1/").message]
    assert set(malformed) <= {"\uff11\uff12\uff17.0.0.1"}, malformed


@pytest.mark.parametrize("host", ["localhost.", "127.0.0.1."])
def test_names_that_may_not_be_known(courier, receiver, certificates, host):
    """Some resolvers know these names and some do not; in neither case is there a connection."""
    hook = receiver(tls=certificates.make("inside"))
    result = courier(ca=certificates.ca_file).deliver(hook.url(host=host))
    assert result.outcome != SENT and result.status == 0 and hook.connections == 0


@pytest.mark.parametrize("allowed, host, open_to", [
    ("localhost", "localhost", True), ("localhost", "127.0.0.1", False),
    ("LocalHost.", "localhost", True), ("localhost:PORT", "localhost", True),
    ("localhost:1", "localhost", False), ("127.0.0.0/8", "localhost", True),
    ("127.0.0.1", "localhost", True), ("127.0.0.1", "2130706433", True),
    ("127.0.0.2", "localhost", False), ("127.0.0.1:PORT", "127.0.0.1", True),
    ("127.0.0.1:1", "127.0.0.1", False), ("10.0.0.0/8, other.example", "localhost", False),
    ("10.0.0.0/8, localhost", "localhost", True), ("0.0.0.0/0", "127.0.0.1", True),
    ("127.0.0.0/8", "[::ffff:127.0.0.1]", True), ("::/0", "127.0.0.1", True)])
def test_allowed_hosts(courier, receiver, allowed, host, open_to):
    """Plain http is allowed only for hosts in the list."""
    hook = receiver()
    one = courier(allowed=allowed.replace("PORT", str(hook.port)))
    result = one.deliver(hook.url(host=host))
    assert result.outcome == (SENT if open_to else DEAD), result
    assert open_to or SETTING in result.message
    assert hook.connections == (1 if open_to else 0)


def test_ipv6(courier, receiver):
    hook = receiver(address="::1")
    assert courier().deliver(hook.url(host="[::1]")).outcome == DEAD
    assert courier(allowed=f"[::1]:{hook.port}").deliver(hook.url(host="[::1]")).outcome == SENT
    assert hook.connections == 1


def test_http_is_for_allowed_hosts(courier):
    """An http URL with a public address is refused before any packet is sent."""
    one = courier(allowed="10.0.0.0/8")
    for host in ("192.88.98.1", "[2a00::1]"):
        result = one.deliver(f"http://{host}/")
        assert result.outcome == DEAD
        assert "http, without TLS" in result.message and SETTING in result.message


@pytest.mark.parametrize("url", [
    "", "localhost", "/hook", "//localhost/", "https://", "https:///", "https://user@localhost/",
    "https://user:password@localhost/", "ftp://localhost/", "file:///etc/passwd", "gopher://localhost/",
    "smtp://localhost/", "ldap://localhost/", "dict://localhost/", "javascript:x", "https://a b/",
    "https://localhost/\r\nX-Evil: 1", "https://localhost:99999/", "https://local\x01host/",
    "https://[::1/", "https://localhost/\u00e4", "h" * 10000])
def test_bad_urls(courier, url):
    result = courier(allowed="localhost, 127.0.0.0/8").deliver(url)
    assert (result.outcome, result.status) == (DEAD, 0), result
    assert "URL" in result.message
    assert "password" not in url or "user:" not in result.message
