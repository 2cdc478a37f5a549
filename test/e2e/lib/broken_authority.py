"""Set-ups of the certificate authority that a test breaks, and what undoes each of them."""
import datetime
import os
import shutil

from cryptography.hazmat.primitives import serialization

import cluster
import pki
import product

KEY = "pganalytics_ca.key"


def break_file(broken, change, name=KEY):
    """break_file changes a file of the authority, and reloads."""
    file = broken.cluster.data / name
    before = file.read_text()

    def put_back():
        file.unlink(missing_ok=True)
        product.write_secret(file, before)
        broken.cluster.reload()

    broken.undo.callback(put_back)
    change(file)
    broken.cluster.reload()


def belongs_to_another(file):
    if os.geteuid() == 0:
        os.chown(file, 0, 0)
    else:
        file.chmod(0)


def take_program(broken):
    """take_program restarts the server with a `postgres` that has no pganalytics-ca beside it."""
    directory = broken.cluster.root / "no-authority"
    directory.mkdir()
    cluster.own(directory)
    shutil.copy(cluster.pg_program("postgres"), directory / "postgres")
    for program in cluster.BINDIR.glob("pganalytics-*"):
        if program.name != "pganalytics-ca":
            (directory / program.name).symlink_to(program)
    command = broken.cluster.command

    def restart_as(arguments):
        broken.cluster.command = arguments
        broken.restart()

    broken.undo.callback(shutil.rmtree, directory)
    broken.undo.callback(restart_as, command)
    restart_as([directory / "postgres", *command[1:]])
    return directory / "pganalytics-ca"


def encrypt_key(broken, command):
    """encrypt_key encrypts the key, and lets the server get the passphrase by a command."""
    def encrypt(file):
        file.write_bytes(pki.load_key(file.read_bytes()).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"correct horse")))

    break_file(broken, encrypt)
    broken.configure(broken.cluster.reload, pganalytics__ca_passphrase_command=command)


def give_authority(broken, key_file=None, **options):
    """give_authority lets an authority of the administrator issue."""
    authority = pki.Authority("Corporate CA", **options)
    directory = broken.cluster.root / "corporate"
    directory.mkdir(exist_ok=True)
    cluster.own(directory)
    ca_file = directory / "ca.pem"
    ca_file.write_text(pki.pem(authority.certificate))
    cluster.own(ca_file)
    if key_file is None:
        key_file = product.write_secret(directory / "ca.key", pki.key_pem(authority.key))
    broken.configure(broken.cluster.reload, pganalytics__ssl_ca_file=ca_file,
                     pganalytics__ca_key_file=key_file)


def expired_authority(broken):
    today = pki.now()
    give_authority(broken, not_before=today - datetime.timedelta(days=30),
                   not_after=today - datetime.timedelta(days=1))


BREAK = {
    "the authority's key is damaged": lambda b: break_file(b, lambda f: f.write_text(
        f.read_text().replace("\nMI", "\nXX"))),
    "the authority's key is missing": lambda b: break_file(b, lambda f: f.unlink()),
    "the key is another user's": lambda b: break_file(b, belongs_to_another),
    "the key is open to others": lambda b: break_file(b, lambda f: f.chmod(0o644)),
    "the key is another authority's": lambda b: break_file(b, lambda f: f.write_text(
        pki.key_pem(pki.new_key()))),
    "the authority's certificate is damaged": lambda b: break_file(
        b, lambda f: f.write_text("damaged"), "pganalytics_ca.crt"),
    "the directory of a given key is missing": lambda b: give_authority(b, "/nowhere/ca.key"),
    "a given authority has expired": expired_authority,
    "the passphrase command fails": lambda b: encrypt_key(b, "exit 3"),
    "the passphrase is wrong": lambda b: encrypt_key(b, "echo wrong"),
    "something kills the program": lambda b: encrypt_key(b, "kill -9 $PPID"),
    "the program is missing": take_program,
}
