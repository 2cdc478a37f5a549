"""pg_upgrade with the keys copied as in docs/operate/install.md: all is kept, and a collector goes on.

Both servers have the major version that is installed here.
"""
import re
import shutil
import subprocess

import pytest

import audit_view
import cluster
import product
from conftest import Server
from procedures import Site, authority_files, make_site

PAGE = (product.SOURCE / "docs/operate/install.md").read_text(encoding="utf-8")
# The certificates are those of the authority and of the collector; the server's own is a file.
KEPT = """
    SELECT (SELECT count(*) FROM pganalytics.push_ledger), (SELECT count(*) FROM pganalytics.query_samples),
           (SELECT array_agg(sha256 ORDER BY sha256) FROM pganalytics.certificates),
           (SELECT array_agg(authority_ids ORDER BY version) FROM pganalytics.trust)"""


@pytest.fixture
def collector(make_server, monitored):
    site = make_site(make_server, "before-upgrade")
    for one in site.enrolled("upgraded", monitored):
        one.site = site
        yield one


@pytest.fixture
def upgraded(root, collector):
    """upgraded is a server that has not been started, made by pg_upgrade of one that is stopped."""
    old = collector.site.server.cluster
    new = product.Analytics(root, "after-upgrade", old.settings)
    new.https_port = old.https_port
    new.init()
    collector.stop()
    collector.kept = collector.site.admin.row(KEPT)
    collector.site.admin.close()
    old.stop()
    programs = cluster.BINDIR
    subprocess.run([cluster.pg_program("pg_upgrade"), "-b", programs, "-B", programs,
                    "-d", old.data, "-D", new.data, "-p", str(old.port), "-P", str(new.port),
                    "-s", new.sockets, "-U", "postgres"],
                   check=True, capture_output=True, **cluster.as_service_user() | {"cwd": new.sockets})
    yield new
    new.remove()
    shutil.rmtree(new.data)


def test_everything_is_kept(collector, upgraded):
    old = collector.site.server.cluster
    assert not authority_files(upgraded.data)
    command, = re.findall("cp --preserve .*", PAGE)
    command = command.replace("/var/lib/postgresql/15/main", str(old.data))
    command = command.replace("/var/lib/postgresql/17/main", str(upgraded.data))
    subprocess.run(["bash", "-c", command], check=True)
    upgraded.start().wait_until_running()
    site = Site(Server(upgraded))
    assert site.admin.row(KEPT) == collector.kept
    assert audit_view.verify(site.server)["status"] == "unbroken"
    collector.start()
    site.wait_for_pushes(collector)
