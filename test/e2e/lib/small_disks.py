"""Servers on file systems of a few megabytes, and files that fill them. Mounting needs root."""
import contextlib
import os
import pathlib
import shutil
import subprocess
import time

import pytest

import cluster
import product
from client import push_body, query_rows
from conftest import NO_RATE_LIMITS, Server

ROWS = 1000


@contextlib.contextmanager
def small_disk(path, megabytes):
    """small_disk mounts a file system at `path`, with what was in this directory."""
    path = pathlib.Path(path)
    aside = path.with_name(path.name + ".aside")
    path.rename(aside)
    path.mkdir()
    options = f"size={megabytes}m,mode=0700"
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(path)],
                             text=True, capture_output=True, check=False)
    if mounted.returncode != 0:
        path.rmdir()
        aside.rename(path)
        pytest.skip(f"nothing can be mounted here: {mounted.stderr.strip()}")
    try:
        subprocess.run(["cp", "-a", f"{aside}/.", str(path)], check=True)
        cluster.own(path)
        shutil.rmtree(aside)
        yield path
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)


class Ballast:
    """Ballast is a file that leaves so many megabytes free in its directory."""

    def __init__(self, directory, free_megabytes):
        self.path = pathlib.Path(directory) / "ballast"
        disk = os.statvfs(directory)
        size = disk.f_bavail * disk.f_frsize - (free_megabytes << 20)
        with open(self.path, "wb") as file:
            os.posix_fallocate(file.fileno(), 0, size)

    def remove(self):
        self.path.unlink(missing_ok=True)


@contextlib.contextmanager
def server_on_small_disk(root, name, part, megabytes, segment_megabytes=16):
    """server_on_small_disk gives a server that has `part` of its data directory ("": all) on a small disk."""
    analytics = product.Analytics(root, name, {
        **{f"pganalytics.{key}": value for key, value in NO_RATE_LIMITS.items()},
        "pganalytics.ingest_workers": 1, "max_wal_size": "4GB", "checkpoint_timeout": "1h"}).init()
    subprocess.run([cluster.pg_program("pg_resetwal"), "-D", str(analytics.data),
                    f"--wal-segsize={segment_megabytes}"], check=True, capture_output=True,
                   **cluster.as_service_user())
    with small_disk(analytics.data / part if part else analytics.data, megabytes):
        try:
            analytics.start().create().write_certificate()
            yield Server(analytics)
        finally:
            analytics.remove()
    shutil.rmtree(analytics.data)


class Pusher:
    """Pusher sends pushes of which each has new series, and counts the answers."""

    def __init__(self, server):
        self.server = server
        self.credentials = server.collector()
        self.client = server.client(self.credentials)
        self.sent = 0
        self.stored = 0

    def push(self):
        self.sent += 1
        body = push_body(self.credentials.collector_id,
                         query_rows(ROWS, self.sent, first_hash=1 + ROWS * self.sent))
        answer = self.client.push(body, f"7:{self.sent}")
        assert answer.status in (200, 503), answer
        if answer.status == 503:
            assert answer.headers["retry-after"] == "5", answer.headers
            assert answer.json["sqlstate"] == "53100", answer
        self.stored += answer.status == 200
        return answer.status

    def assert_exact(self):
        assert self.server.ledger(self.credentials) == (self.stored, ROWS * self.stored)


def assert_refused_and_back(server, pusher, shorten, restore):
    """assert_refused_and_back returns how long pushes were refused after there was space again."""
    assert pusher.push() == 200
    shorten()
    cluster.wait_until(lambda: pusher.push() == 503, 20, "a push to be refused")
    (error, at), = server.workers("last_error, last_error_at")
    assert error.startswith("refuses pushes: too little space is free") and at is not None
    assert server.db.value(
        "SELECT min(f.value) FROM pganalytics.alert_rules r, "
        "pganalytics.run_rule(r.query, clock_timestamp()) f WHERE r.name = 'disk_space_low'") < 2
    restore()
    freed_at = time.monotonic()
    cluster.wait_until(lambda: pusher.push() == 200, 10, "a push to be stored again")
    seconds = time.monotonic() - freed_at
    assert server.workers("last_error") == [(None,)]
    pusher.assert_exact()
    return seconds
