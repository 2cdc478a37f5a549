"""What the gateway accepts, Python's strict JSON reader accepts too, with the same values."""
import gzip
import json
import os
import random
import subprocess

from hypothesis import given, settings, strategies as st

PROGRAM = os.environ["PGANALYTICS_DECODE_CHECK"]
FIXTURE = os.path.join(os.path.dirname(__file__), "../../fixtures/v3-collector-push.json.gz")
COLLECTOR = "11111111-2222-3333-4444-555555555555"


class Checker:
    def __init__(self):
        self.process = subprocess.Popen([PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def status(self, data):
        self.process.stdin.write(b"%d\n" % len(data) + data)
        self.process.stdin.flush()
        return int(self.process.stdout.readline().split()[0])


CHECKER = Checker()


def refuse(constant):
    raise ValueError(constant)


def python_accepts(data):
    try:
        json.loads(data.decode("utf-8"), parse_constant=refuse)
        return True
    except (ValueError, RecursionError):
        return False


def check(data):
    status = CHECKER.status(data)
    # 422 means valid JSON that is no push; 400 may also come from the gateway's own depth limit.
    if status == 200:
        assert python_accepts(data), data
    if not python_accepts(data):
        assert status in (400, 422), (status, data)
    return status


def document(value_text):
    return (b'{"collector_id":"' + COLLECTOR.encode() + b'","metrics":[{"type":"other","x":' +
            value_text + b"}],\"timestamp\":\"2026-11-22T08:54:22Z\"}")


# JSON allows NUL, but no text of PostgreSQL can hold it.
TEXT = st.characters(blacklist_categories=["Cs"], blacklist_characters="\0")
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) |
    st.text(TEXT),
    lambda inner: st.lists(inner) | st.dictionaries(
        st.text(TEXT), inner), max_leaves=20)


@settings(max_examples=500, deadline=None, database=None)
@given(VALUES, st.booleans())
def test_every_json_value_is_accepted(value, ascii_only):
    assert check(document(json.dumps(value, ensure_ascii=ascii_only).encode())) == 200


@settings(max_examples=2000, deadline=None, database=None)
@given(st.text("{}[]:,\"\\ \t\n0123456789.-+eEtruefalsnu/bdxN\u0000\u00e9", max_size=24))
def test_almost_json_is_accepted_only_with_python(text):
    check(document(text.encode()))


@settings(max_examples=500, deadline=None, database=None)
@given(st.binary(max_size=20))
def test_bytes_are_accepted_only_with_python(data):
    check(document(data))
    check(document(b'"' + data + b'"'))


def test_mutations_of_a_real_push():
    with gzip.open(FIXTURE) as file:
        push = json.load(file)
    for metric in push["metrics"]:
        for key in ("queries", "tables", "indexes", "entries"):
            metric[key] = metric[key][:2] if key in metric else []
        metric.pop("databases", None)
    good = json.dumps(push).encode()
    rng = random.Random(20261122)
    interesting = b'{}[]:,"\\ 0123456789.-+eEtfn\x00\x1f\x7f\x80\xc3\xff'
    counts = {}
    for _ in range(20000):
        data = bytearray(good)
        at = rng.randrange(len(data))
        kind = rng.randrange(4)
        if kind == 0:
            data[at] = rng.choice(interesting)
        elif kind == 1:
            data.insert(at, rng.choice(interesting))
        elif kind == 2:
            del data[at:at + rng.randrange(1, 4)]
        else:
            data[at:at] = data[at:at + rng.randrange(1, 40)]
        status = check(bytes(data))
        counts[status] = counts.get(status, 0) + 1
    print(counts)
    assert min(counts.get(status, 0) for status in (200, 400, 422)) > 20
