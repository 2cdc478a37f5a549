"""Private PostgreSQL clusters on loopback for the demo, the end-to-end tests and the benches.

This module needs only Python's standard library. Processes run as the calling user, or as postgres
when the caller is root (PostgreSQL refuses to run as root). The module ends processes by their own
pid; the kernel ends them when the script that started them is killed.
"""
import ctypes
import os
import pathlib
import pwd
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def pg_config(item):
    """pg_config gives one of its items, e.g. "--bindir", for the PostgreSQL that we build against."""
    candidates = [os.environ.get("PG_CONFIG"), "/usr/lib/postgresql/15/bin/pg_config", "pg_config"]
    program = next(c for c in candidates if c and shutil.which(c))
    return subprocess.run([program, item], check=True, text=True, capture_output=True).stdout.strip()


BINDIR = pathlib.Path(pg_config("--bindir"))


def pg_program(name):
    return str(BINDIR / name)


def service_user():
    """service_user is the account that server processes run as."""
    return pwd.getpwnam("postgres") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())


def as_service_user():
    """as_service_user gives the arguments that make subprocess run a program as service_user()."""
    if os.geteuid() != 0:
        return {}
    user = service_user()
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": [], "cwd": "/"}


def start_process(arguments, log, death_signal=signal.SIGTERM, env=None):
    """start_process starts a program as the service user and appends its output to the file `log`.

    The process has its own session, so that a Ctrl-C reaches only the script, which then stops its
    processes in order. The kernel sends the process `death_signal` if the script dies before that.
    """
    def in_child():
        _libc.prctl(PR_SET_PDEATHSIG, int(death_signal))

    with open(log, "ab") as output:
        return subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                start_new_session=True, preexec_fn=in_child,
                                env={**os.environ, **(env or {})}, **as_service_user())


def stop_process(process, first=signal.SIGTERM, timeout=20.0):
    """stop_process ends a process and waits for it; it sends SIGKILL after `timeout` seconds."""
    if process is None or process.poll() is not None:
        return
    process.send_signal(first)
    try:
        process.wait(timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def wait_until(predicate, timeout=10.0, what="condition", interval=0.02):
    """wait_until polls until predicate() is true and gives its value; TimeoutError after `timeout` s."""
    deadline = time.monotonic() + timeout
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} not reached within {timeout} s")
        time.sleep(interval)


_given_ports = set()


def free_port():
    """free_port gives a TCP port that nobody listens on, below the range of outgoing connections."""
    while True:
        port = random.randrange(20000, 32000)
        if port in _given_ports:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _given_ports.add(port)
        return port


def own(path):
    """own makes the service user the owner of a path."""
    if os.geteuid() == 0:
        user = service_user()
        os.chown(path, user.pw_uid, user.pw_gid)


def is_reachable(path):
    """is_reachable says whether the service user can enter a directory."""
    return subprocess.run(["test", "-x", str(path)], **as_service_user()).returncode == 0


def make_root(wanted=None, prefix="pga."):
    """make_root makes an empty directory for clusters that the service user can reach.

    With `wanted` it makes that directory. If the service user cannot reach it (a clone in /root, a
    private home), the directory is made under the temporary directory and `wanted` becomes a link.
    """
    if wanted is None:
        root = pathlib.Path(tempfile.mkdtemp(prefix=prefix))
    else:
        wanted = pathlib.Path(wanted)
        if wanted.is_symlink():
            shutil.rmtree(wanted.resolve(), ignore_errors=True)
            wanted.unlink()
        elif wanted.exists():
            shutil.rmtree(wanted)
        if is_reachable(wanted.parent):
            wanted.mkdir()
            root = wanted
        else:
            root = pathlib.Path(tempfile.mkdtemp(prefix=prefix))
            wanted.symlink_to(root)
    root.chmod(0o700)
    own(root)
    return root


class Cluster:
    """Cluster is one private PostgreSQL server below `root`, with its own port and socket directory.

    The superuser postgres is trusted on the Unix socket, whose directory only the service user can
    enter. Connections over TCP need a password; the server listens on 127.0.0.1 only.
    """

    def __init__(self, root, name, settings=None):
        self.root = pathlib.Path(root)
        self.name = name
        self.data = self.root / name
        self.log = self.root / f"{name}.log"
        self.settings = dict(settings or {})
        self.port = free_port()
        # The path of a socket is limited to 107 bytes, and `root` may be deep in a home directory.
        self.sockets = pathlib.Path(tempfile.mkdtemp(prefix="pga."))
        own(self.sockets)
        # scripts/dates sets PGANALYTICS_POSTGRES to a postgres whose clock is moved.
        self.command = [os.environ.get("PGANALYTICS_POSTGRES") or pg_program("postgres")]
        self.process = None

    def init(self):
        """init makes the data directory and writes the settings."""
        self.log.touch()
        own(self.log)
        subprocess.run([pg_program("initdb"), "-D", str(self.data), "-U", "postgres", "-E", "UTF8",
                        "--locale=C.UTF-8", "--auth-local=trust", "--auth-host=scram-sha-256",
                        "--no-sync", "--no-instructions"],
                       check=True, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
                       **as_service_user())
        self.configure({
            "port": self.port, "listen_addresses": "127.0.0.1",
            "unix_socket_directories": str(self.sockets), "log_line_prefix": "%m [%p] %b ",
            "max_wal_size": "4GB", "shared_buffers": "128MB",
            "timezone": os.environ.get("PGTZ", "UTC"), "log_timezone": "UTC", **self.settings})
        return self

    def configure(self, settings):
        """configure appends settings to postgresql.conf; the last entry of a name counts."""
        with open(self.data / "postgresql.conf", "a", encoding="utf-8") as conf:
            for name, value in settings.items():
                quoted = str(value).replace("'", "''")
                conf.write(f"{name} = '{quoted}'\n")

    def start(self, timeout=60.0):
        """start runs the server and waits until it accepts connections."""
        self.process = start_process([*self.command, "-D", self.data], self.log,
                                     death_signal=signal.SIGINT)

        def is_ready():
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.name} did not start:\n{self.log_text()[-3000:]}")
            try:
                lines = (self.data / "postmaster.pid").read_text().split("\n")
            except FileNotFoundError:
                return False
            return (len(lines) > 7 and lines[0] == str(self.process.pid)
                    and lines[7].strip() in ("ready", "standby"))

        wait_until(is_ready, timeout, f"start of {self.name}")
        return self

    def stop(self, how=signal.SIGINT, timeout=30.0):
        """stop ends the server: SIGINT means a fast shutdown, SIGQUIT an immediate one, SIGKILL a crash."""
        stop_process(self.process, how, timeout)

    def restart(self, how=signal.SIGINT):
        self.stop(how)
        # After a crash the old server's processes hold its shared memory for a moment.
        deadline = time.monotonic() + 20
        while True:
            try:
                return self.start()
            except RuntimeError as error:
                if "still in use" not in str(error) or time.monotonic() > deadline:
                    raise

    def reload(self):
        self.process.send_signal(signal.SIGHUP)

    def remove(self):
        self.stop()
        shutil.rmtree(self.sockets, ignore_errors=True)

    def log_text(self):
        return self.log.read_text(encoding="utf-8", errors="replace")

    def dsn(self, database="postgres", user="postgres"):
        """dsn is a connection string over the Unix socket."""
        return f"host={self.sockets} port={self.port} dbname={database} user={user}"

    def psql_line(self, database="postgres"):
        """psql_line is the command that a person types to connect to the server."""
        return f"psql -h {self.sockets} -p {self.port} -U postgres {database}"

    def psql(self, sql, database="postgres", *options):
        """psql runs SQL and gives its unaligned output; it raises CalledProcessError if a statement fails."""
        done = subprocess.run(
            [pg_program("psql"), "-XAtq", "-v", "ON_ERROR_STOP=1", *options, "-d",
             self.dsn(database), "-f", "-"], input=sql, text=True, capture_output=True)
        if done.returncode != 0:
            raise subprocess.CalledProcessError(done.returncode, "psql", done.stdout,
                                                f"{sql}\n{done.stderr}")
        return done.stdout.rstrip("\n")


class Processes:
    """Processes calls registered stop functions, newest first, at the end of a with block or at a signal."""

    def __init__(self):
        self._stops = []

    def add(self, stop):
        """add registers a function that stops something; it must allow a call after that has stopped."""
        self._stops.append(stop)

    def __enter__(self):
        def interrupted(number, _frame):
            raise SystemExit(128 + number)

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, interrupted)
        return self

    def __exit__(self, *_):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # a second Ctrl-C must not leave a server behind
        while self._stops:
            stop = self._stops.pop()
            try:
                stop()
            except Exception as error:  # the others must be stopped all the same
                print(f"while stopping: {error}")
