"""Pushes are refused while there is still disk space: no PANIC, no loss, and it comes back by itself."""
import pytest

import cluster
from small_disks import Ballast, Pusher, assert_refused_and_back, server_on_small_disk

PLACES = "SELECT place, free_bytes, refused_below FROM pganalytics.disk_space()"


@pytest.fixture(scope="module")
def small(root):
    """small is a server whose WAL directory is a file system of 24 MB, far less than max_wal_size."""
    with server_on_small_disk(root, "small", "pg_wal", 24, segment_megabytes=1) as server:
        yield server


def test_least_free_space_is_a_setting(make_server):
    server = make_server("spacious", ingest_workers=1)
    pusher = Pusher(server)
    places = {place: (free, least) for place, free, least in server.db.rows(PLACES)}
    assert places.keys() == {"data", "wal"}
    assert places["data"][1] <= 256 << 20 and places["wal"][1] <= 256 << 20
    more = (max(free for free, _ in places.values()) >> 10) + (1 << 20)
    assert_refused_and_back(server, pusher, lambda: server.configure(min_free_space=more),
                            lambda: server.configure(min_free_space=-1))
    server.configure(min_free_space=0)
    assert {least for _, _, least in server.db.rows(PLACES)} == {None}
    assert pusher.push() == 200
    server.cluster.psql(f"CREATE TABLESPACE further LOCATION '{new_directory(server)}'")
    server.configure(min_free_space=-1)
    server.db.execute("ALTER TABLE pganalytics.collectors SET TABLESPACE further")
    assert [place for place, _, _ in server.db.rows(PLACES)] == ["data", "wal", "tablespace"]


def new_directory(server):
    path = server.cluster.root / "further"
    path.mkdir()
    cluster.own(path)
    return path


def test_wal_directory_smaller_than_max_wal_size(small):
    """More WAL than the disk holds is written; the server asks for checkpoints and goes on."""
    pusher = Pusher(small)
    begin = small.db.value("SELECT pg_current_wal_lsn()")
    written = 0
    while written < 40:
        pusher.push()
        written = small.db.value("SELECT (pg_current_wal_lsn() - %s::pg_lsn)::bigint >> 20", begin)
    pusher.assert_exact()
    assert "PANIC" not in small.cluster.log_text()
    print(f"{written} MB of WAL through 24 MB, {pusher.stored} of {pusher.sent} pushes stored at once")


def test_full_wal_directory(small):
    pusher = Pusher(small)
    ballast = []
    seconds = assert_refused_and_back(
        small, pusher, lambda: ballast.append(Ballast(small.cluster.data / "pg_wal", 3)),
        lambda: ballast[0].remove())
    assert "PANIC" not in small.cluster.log_text()
    print(f"back after {seconds:.2f} s")
