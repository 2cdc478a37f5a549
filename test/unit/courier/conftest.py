"""Fixtures: couriers and receivers, which are stopped after each test."""
import os
import sys

import pytest

# Frames and receivers come from the library of the end-to-end tests.
sys.path.append(os.path.join(os.path.dirname(__file__), "../../e2e/lib"))

from courier import Courier  # noqa: E402
from receivers import Receiver, make_certificate  # noqa: E402

PROGRAM = os.environ["PGANALYTICS_COURIER"]


@pytest.fixture
def courier():
    """courier starts couriers; each must run until its worker's end closes, and then end."""
    started = []

    def start(program=PROGRAM, **config):
        one = Courier(program, **config).start()
        started.append(one)
        return one

    yield start
    for one in started:
        assert one.stop() == (0 if one.failed is None else 256)


@pytest.fixture
def receiver():
    made = []

    def make(*arguments, **options):
        made.append(Receiver(*arguments, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


class Certificates:
    def __init__(self, directory):
        self.directory = directory
        self.authority = make_certificate(directory, "authority", ca=True)
        self.ca_file = f"{directory}/ca.pem"
        from cryptography.hazmat.primitives import serialization
        with open(self.ca_file, "wb") as file:
            file.write(self.authority[0].public_bytes(serialization.Encoding.PEM))

    def make(self, name, **options):
        """make gives the file of a certificate that this authority signed."""
        return make_certificate(self.directory, name, issuer=self.authority, **options)[2]


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    return Certificates(str(tmp_path_factory.mktemp("certificates")))
