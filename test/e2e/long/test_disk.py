"""A full disk under WAL and under all data, again and again: no PANIC, 503, back within ten seconds."""
import pytest

from small_disks import Ballast, Pusher, assert_refused_and_back, server_on_small_disk

ROUNDS = 20


@pytest.mark.parametrize("part, megabytes, left", [("pg_wal", 160, 20), ("", 640, 8)])
def test_full_disk(root, part, megabytes, left):
    with server_on_small_disk(root, f"full-disk-{part or 'data'}", part, megabytes) as server:
        directory = server.cluster.data / part
        pusher = Pusher(server)
        slowest = 0.0
        for _ in range(ROUNDS):
            ballast = []
            slowest = max(slowest, assert_refused_and_back(
                server, pusher, lambda: ballast.append(Ballast(directory, left)),
                lambda: ballast[0].remove()))
        assert "PANIC" not in server.cluster.log_text()
        print(f"{part or 'data'}: {ROUNDS} times full, {pusher.stored} of {pusher.sent} pushes stored, "
              f"back after {slowest:.2f} s at most, 0 PANIC")
