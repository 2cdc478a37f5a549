"""Every decoded value equals what Python's JSON reader gives, by the same catalog."""
import datetime
import gzip
import json
import math
import os
import re
import subprocess
import sys

from hypothesis import given, settings, strategies as st

PROGRAM = os.environ["PGANALYTICS_DECODE_CHECK"]
ROOT = os.path.join(os.path.dirname(__file__), "../../..")
FIXTURE = os.path.join(ROOT, "test/fixtures/v3-collector-push.json.gz")
sys.path.insert(0, os.path.join(ROOT, "scripts"))

CATALOG = json.loads(subprocess.run([PROGRAM, "--catalog"], check=True,
                                    stdout=subprocess.PIPE).stdout)
INT8, FLOAT8, BOOL, TIMESTAMP, TEXT, LSN, JSON = range(7)
TIME, DATABASE, IDENTITY, QUERY_TEXT, STATS_SINCE, COUNTER, VALUE = range(7)
METRIC, MEMBER, INNER_MEMBER, ROW = range(4)
EPOCH = datetime.datetime(2000, 1, 1, tzinfo=datetime.timezone.utc)
NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?\Z")
MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(\.\d{1,6})?(Z|[-+]\d\d(:\d\d)?)\Z")
MISSING = object()


class Raw(str):
    """Raw is the text of a number exactly as it stands in the document."""


class Misfit(Exception):
    pass


class Checker:
    def __init__(self):
        self.process = subprocess.Popen([PROGRAM, "--rows"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE)

    def decode(self, data):
        self.process.stdin.write(b"%d\n" % len(data) + data)
        self.process.stdin.flush()
        status, _, rest = self.process.stdout.readline().partition(b" ")
        assert status.strip() == b"200", rest
        return json.loads(rest)

    def peak_kb(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as file:
            return int(re.search(r"VmHWM:\s+(\d+)", file.read())[1])


CHECKER = Checker()


def moment(text):
    found = MOMENT.match(text)
    if found is None:
        raise Misfit
    zone = found[4].replace("Z", "+00:00")
    zone += ":00" if len(zone) == 3 else ""
    try:
        when = datetime.datetime.fromisoformat(
            f"{found[1]} {found[2]}{(found[3] or '.0').ljust(7, '0')}{zone}")
    except ValueError:
        raise Misfit from None
    if when.year < 1970:
        raise Misfit
    return (when - EPOCH) // datetime.timedelta(microseconds=1)


def number(text, kind, role):
    if not NUMBER.match(text):
        raise Misfit
    if kind == INT8:
        value = int(text) if re.match(r"-?\d+\Z", text) else float(text)
        if value != int(value if math.isfinite(value) else 0) or not -2**63 <= value < 2**63:
            raise Misfit
        value = int(value)
    else:
        value = float(text)
        if not math.isfinite(value):
            raise Misfit
    if role == COUNTER:
        if value < 0:
            raise Misfit
        return value or None
    return value


def convert(value, kind, role):
    """convert gives the value that the column must hold, or raises Misfit."""
    if value is None:
        return None
    if kind in (INT8, FLOAT8) and isinstance(value, str):
        return number(value, kind, role)
    if kind == BOOL and isinstance(value, bool):
        return value
    if isinstance(value, Raw) or not isinstance(value, str):
        raise Misfit
    if kind == TEXT:
        return value
    if kind in (TIMESTAMP, LSN) and value == "":
        return None
    if kind == TIMESTAMP:
        return moment(value)
    if kind == LSN and re.match(r"[0-9A-Fa-f]{1,8}/[0-9A-Fa-f]{1,8}\Z", value):
        high, low = value.split("/")
        return int(high, 16) << 32 | int(low, 16)
    raise Misfit


class Expected:
    """Expected is the rows that a push must give, and the values that no column takes."""

    def __init__(self, push):
        self.rows = {}
        self.unstored = {}
        self.time = convert(push["timestamp"], TIMESTAMP, TIME)
        for metric in push["metrics"]:
            for entry in CATALOG:
                if entry["type"] == metric["type"]:
                    self.read(metric, entry)

    def count(self, *path):
        name = ".".join(path)
        self.unstored[name] = self.unstored.get(name, 0) + 1

    def read(self, metric, entry):
        path = entry["path"]
        steps = path.replace("[]", ".[]").split(".") if path else []
        self.walk(metric, steps, [], [entry["type"]], metric, entry)

    def walk(self, value, steps, names, path, metric, entry):
        if not steps:
            self.row(value, names, path, metric, entry)
        elif steps[0] == "[]":
            for element in value if isinstance(value, list) else ():
                self.walk(element, steps[1:], names, path, metric, entry)
        elif isinstance(value, dict):
            for name, member in value.items():
                if steps[0] in ("*", name):
                    self.walk(member, steps[1:], names + [name] * (steps[0] == "*"),
                              path + [steps[0]], metric, entry)

    def row(self, value, names, path, metric, entry):
        cells, seen = [], False
        for _, key, kind, role, scope in entry["columns"]:
            if scope in (MEMBER, INNER_MEMBER):
                cells.append(names[scope - MEMBER])
                continue
            if kind == JSON:
                cells.append(value)
                seen = True
                continue
            found = metric if scope == METRIC else value
            for part in key.split("."):
                found = found.get(part, MISSING) if isinstance(found, dict) else MISSING
            seen = seen or (scope == ROW and found is not MISSING)
            cell = None
            if found is not MISSING:
                try:
                    cell = convert(found, kind, role)
                except Misfit:
                    self.count(*path, key)
            cells.append(self.time if role == TIME and cell is None else cell)
        if seen:
            self.rows.setdefault(entry["relation"], []).append(cells)


def load(data):
    return json.loads(data, parse_int=Raw, parse_float=Raw)


def compare_queries(decoded, expected, columns):
    """compare_queries merges the rows of one query in one snapshot and compares the exact sums."""
    merged = {}
    snapshot, last = -1, None
    for row in expected:
        if row[:2] != last:
            snapshot, last = snapshot + 1, row[:2]
        merged.setdefault((snapshot, *row[:5]), []).append(row)
    assert len(decoded) == len(merged)
    for row, (key, parts) in zip(decoded, merged.items()):
        assert tuple(row[:5]) == key[1:]
        assert row[5] == parts[0][5]
        for i in range(8, len(columns)):
            values = [part[i] for part in parts]
            if len(parts) == 1:
                assert row[i] == values[0], columns[i]
            elif columns[i][2] == INT8:
                assert (row[i] or 0) == sum(value or 0 for value in values), columns[i]
            elif columns[i][0].startswith("total"):
                assert math.isclose(row[i] or 0, sum(value or 0 for value in values)), columns[i]


def compare(data, is_strict=True):
    decoded = CHECKER.decode(data)
    expected = Expected(load(data))
    accounts = decoded["blocks"].pop("push_accounts")
    assert decoded["observed"] == sum(row[1] for row in accounts)
    assert decoded["observed"] == (sum(len(rows) for rows in decoded["blocks"].values()) +
                                   decoded["merged"])
    assert set(decoded["blocks"]) == set(expected.rows)
    for entry in CATALOG:
        rows = decoded["blocks"].get(entry["relation"], [])
        wanted = expected.rows.get(entry["relation"], [])
        if entry["type"] == "pg_query_stats":
            compare_queries(rows, wanted, entry["columns"])
            continue
        assert len(rows) == len(wanted), entry["relation"]
        for row, want in zip(rows, wanted):
            for cell, value, column in zip(row, want, entry["columns"]):
                if column[2] == JSON:
                    assert load(cell) == value, (entry["relation"], column)
                else:
                    assert cell == value, (entry["relation"], column)
                    assert isinstance(cell, bool) == isinstance(value, bool), column
    if is_strict:
        assert decoded["unstored"] == {}
    return decoded["unstored"].get("fields", {}), expected.unstored


def test_the_recorded_push():
    with gzip.open(FIXTURE) as file:
        compare(file.read())


def test_generated_pushes_with_every_field():
    for seed in (1, 2):
        made = subprocess.run([os.path.join(ROOT, "scripts/v3_bodies.py"), "--samples", "3",
                               "--seed", str(seed)], check=True, stdout=subprocess.PIPE).stdout
        compare(made)


LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(-2**70, 2**70), st.integers(-5, 5),
    st.floats(allow_nan=False, allow_infinity=False), st.just(5.0), st.just([]), st.just({"a": 1}),
    st.sampled_from(["", "5", "-5", "5.0", "1e3", "0x5", " 5", "16/B374D848", "G/1", "1/123456789",
                     "2026-11-22 08:53:55.496158+00", "2026-11-22T08:54:22Z", "2026-02-30 00:00:00Z",
                     "2026-11-22 08:53:55-03:30", "infinity", "é\n\"\\", "x" * 1000]),
    st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=10))


def leaves(value, path=()):
    """leaves gives the paths of all values in the rows of a metric."""
    if isinstance(value, dict):
        for key, member in value.items():
            if path or key not in ("type", "timestamp", "database", "collector_id", "hostname"):
                yield from leaves(member, path + (key,))
    elif isinstance(value, list):
        for i, member in enumerate(value):
            yield from leaves(member, path + (i,))
    else:
        yield path


with gzip.open(FIXTURE) as fixture:
    PUSH = json.load(fixture)
SMALL = [metric for metric in PUSH["metrics"][:12] if metric["type"] != "pg_query_stats"]
for small in SMALL:
    for found in small.get("databases", {}).values():
        for kind_of_rows, found_rows in found.items():
            if isinstance(found_rows, list):
                found[kind_of_rows] = found_rows[:3]
PLACES = [(i, path) for i, metric in enumerate(SMALL) for path in leaves(metric)]


@settings(max_examples=400, deadline=None, database=None)
@given(st.lists(st.tuples(st.sampled_from(PLACES), LEAVES), min_size=1, max_size=25),
       st.booleans())
def test_other_values_in_the_place_of_real_ones(changes, ascii_only):
    metrics = json.loads(json.dumps(SMALL))
    for (index, path), value in changes:
        holder = metrics[index]
        for step in path[:-1]:
            holder = holder[step]
        holder[path[-1]] = value
    push = dict(PUSH, metrics=metrics, metrics_count=len(metrics))
    counted, expected = compare(json.dumps(push, ensure_ascii=ascii_only).encode(), False)
    assert counted == expected


def test_memory_of_a_large_body():
    """Decoding a minute of a v3 collector needs less memory than the size of the body, besides the body."""
    body = subprocess.run([os.path.join(ROOT, "scripts/v3_bodies.py")], check=True,
                          stdout=subprocess.PIPE).stdout
    process = subprocess.Popen([PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    checker = Checker.__new__(Checker)
    checker.process = process
    small = b'{"collector_id":"11111111-2222-3333-4444-555555555555","metrics":[]}'
    peaks = []
    for data in (small, body):
        process.stdin.write(b"%d\n" % len(data) + data)
        process.stdin.flush()
        assert process.stdout.readline() == b"200\n"
        peaks.append(checker.peak_kb())
    process.stdin.close()
    process.wait()
    print(len(body) // 1024, peaks)
    assert peaks[1] - peaks[0] < 2 * len(body) // 1024
