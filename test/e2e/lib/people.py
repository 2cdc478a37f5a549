"""Fixtures for tests of the port for people: import server, person (roles that log in) and client."""
import itertools

import pytest

from api_client import PASSWORD, ApiClient

_names = itertools.count(1)


@pytest.fixture(scope="module")
def server(people_server):
    return people_server


@pytest.fixture
def person(server):
    """person makes roles that may log in; the fixture drops them at the end."""
    made = []

    def make(level="viewer", password=PASSWORD, options="LOGIN", name=None):
        name = name or f"person_{next(_names)}"
        quoted = name.replace('"', '""')
        made.append(quoted)
        secret = "" if password is None else f"PASSWORD '{password}'"
        server.db.execute(f'CREATE ROLE "{quoted}" {options} {secret}')
        if level is not None:
            server.db.execute(f'GRANT pganalytics_{level} TO "{quoted}"')
        return name

    yield make
    for name in made:
        if server.db.rows("SELECT FROM pg_roles WHERE rolname = %s", name.replace('""', '"')):
            server.db.execute(f'DROP OWNED BY "{name}"; DROP ROLE "{name}"')


@pytest.fixture
def client(server):
    with ApiClient(server) as one:
        yield one
