"""Checks which rooms may include each other, and which directories may use which library."""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]

# Room -> the rooms that its files may include, besides itself. Lower rooms come first.
CORE = {"src/core"}
PROTOCOL = CORE | {"src/protocol", "src/protocol/catalog"}
GATEWAY = PROTOCOL | {"src/http", "src/pki", "src/pki/jwt", "src/ingest", "src/sandbox"}
COLLECTOR = PROTOCOL | {"src/pki"}
PG_BASE = PROTOCOL | {"src/pg/base"}
PG_AUDIT = PG_BASE | {"src/pg/audit"}
PG_IDENTITY = PG_AUDIT | {"src/pg/identity"}
PG_STORE = PG_IDENTITY | {"src/pg/store/metrics"}
PG_ALL = PG_STORE | {"src/pg/audit/statements", "src/pg/store", "src/pg/alerts", "src/pg/api"}
PROCESS = PG_ALL | {"bgworker/process"}
ROOMS = {
    "src/core": set(),
    "src/protocol/catalog": CORE,
    "src/protocol": CORE | {"src/protocol/catalog"},
    "src/ingest/json": PROTOCOL,
    "src/ingest": PROTOCOL | {"src/ingest/json"},
    "src/http": CORE,
    "src/pki": CORE,
    "src/pki/jwt": CORE | {"src/pki"},
    "src/sandbox": CORE,
    "src/ca": PROTOCOL | {"src/pki", "src/sandbox"},
    "src/courier": PROTOCOL | {"src/sandbox"},
    "src/gateway/process": GATEWAY,
    "src/gateway/identity": GATEWAY | {"src/gateway/process"},
    "src/gateway/collectors": GATEWAY | {"src/gateway/process", "src/gateway/identity"},
    "src/gateway/people": GATEWAY | {"src/gateway/process", "src/gateway/identity"},
    "src/gateway": GATEWAY | {"src/gateway/process", "src/gateway/identity", "src/gateway/collectors",
                              "src/gateway/people"},
    "src/collector/life": COLLECTOR,
    "src/collector/sources": COLLECTOR | {"src/collector/life"},
    "src/collector/statements": COLLECTOR | {"src/collector/life", "src/collector/sources"},
    "src/collector/push": COLLECTOR | {"src/collector/life", "src/collector/sources",
                                       "src/collector/statements"},
    "src/collector/enrol": COLLECTOR | {"src/collector/life", "src/collector/push"},
    "src/collector": COLLECTOR | {"src/collector/life", "src/collector/sources", "src/collector/statements",
                                  "src/collector/push", "src/collector/enrol"},
    "src/pg/base": PROTOCOL,
    "src/pg/audit": PG_BASE,
    "src/pg/audit/statements": PG_AUDIT,
    "src/pg/identity": PG_AUDIT,
    "src/pg/store/metrics": PG_IDENTITY,
    "src/pg/store": PG_STORE,
    "src/pg/alerts": PG_AUDIT,
    "src/pg/api": PG_IDENTITY | {"src/pg/audit/statements"},
    "bgworker/process": PG_ALL,
    "bgworker/ingest": PROCESS,
    "bgworker/api": PROCESS,
    "bgworker/alerts": PROCESS,
    "bgworker/chores": PROCESS,
    "bgworker": PROCESS | {"bgworker/ingest", "bgworker/api", "bgworker/alerts", "bgworker/chores"},
}
# Library (a prefix of the include) -> the directories of src that may use it.
LIBRARIES = {
    "boost/": {"http", "gateway"},
    "openssl/": {"http", "pki", "ca", "gateway", "collector", "courier", "ingest", "pg"},
    "simdjson": {"ingest", "pki"},
    "libdeflate": {"ingest", "collector"},
    "zstd": {"ingest"},
    "zlib": {"ingest", "collector"},
    "cjson/": {"gateway", "collector"},
    "seccomp": {"sandbox"},
    "linux/landlock": {"sandbox"},
    "curl/": {"collector", "courier"},
    "libpq-fe": {"collector"},
    "toml++": {"collector"},
    "CLI/": {"collector"},
}
SERVER_SIDE = {"pg", "bgworker"}
# Objects of these headers own memory that an ERROR, which skips destructors, would leak.
NOT_IN_SERVER = {"string", "vector", "map", "functional", "memory", "unordered_map", "set", "list",
                 "deque", "iostream", "sstream", "fstream", "thread", "mutex", "future"}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)


def server_headers():
    """server_headers is the directory of PostgreSQL's server headers."""
    for program in ("/usr/lib/postgresql/15/bin/pg_config", "pg_config"):
        try:
            return pathlib.Path(subprocess.run([program, "--includedir-server"], check=True,
                                               text=True, capture_output=True).stdout.strip())
        except (OSError, subprocess.CalledProcessError):
            continue
    sys.exit("pg_config is missing")


def sources():
    for top in ("src", "bgworker"):
        for path in sorted((ROOT / top).rglob("*")):
            if path.suffix in (".cpp", ".hpp", ".h"):
                yield path


def resolve(include, path):
    """resolve gives the file of ours that an include means, or None if it is somebody else's."""
    for base in (ROOT / "src", ROOT, path.parent):
        if (base / include).is_file():
            return base / include
    return None


def room_of(path):
    """room_of is the name in ROOMS of a file's directory."""
    return path.parent.relative_to(ROOT).as_posix()


def directory_of(path):
    """directory_of is the directory below src, or bgworker, that a file is in."""
    parts = path.relative_to(ROOT).parts
    return parts[1] if parts[0] == "src" else parts[0]


def includes_of(path):
    text = path.read_text(encoding="utf-8")
    for match in INCLUDE.finditer(text):
        yield text.count("\n", 0, match.start()) + 1, match.group(1), match.group(2)


def forbidden_closure(path, seen):
    """forbidden_closure gives (file, line, header) of NOT_IN_SERVER headers reached through our own files."""
    for line, _, include in includes_of(path):
        target = resolve(include, path)
        if target is None:
            if include in NOT_IN_SERVER:
                yield path, line, include
        elif target not in seen:
            seen.add(target)
            yield from forbidden_closure(target, seen)


def main():
    server = server_headers()
    problems = []
    count = 0

    def report(path, line, text):
        problems.append(f"{path.relative_to(ROOT)}:{line}: {text}")

    for path in sources():
        count += 1
        room, name = room_of(path), directory_of(path)
        if room not in ROOMS:
            report(path, 1, f"{room} is no room of {pathlib.Path(__file__).name}")
            continue
        for line, _, include in includes_of(path):
            target = resolve(include, path)
            if target is not None:
                if room_of(target) not in ROOMS[room] | {room}:
                    report(path, line, f"{room} must not include {room_of(target)}")
                continue
            if name not in SERVER_SIDE and (server / include).is_file():
                report(path, line, f"PostgreSQL's {include} outside src/pg and bgworker")
            for prefix, users in LIBRARIES.items():
                if include.startswith(prefix) and name not in users:
                    report(path, line, f"{include} in {name}")
        if name in SERVER_SIDE:
            for where, line, include in forbidden_closure(path, {path}):
                report(path, 1, f"<{include}> in the server, by {where.relative_to(ROOT)}:{line}")
    if count < 20:
        problems.append(f"only {count} files found: is this the right directory?")
    print("\n".join(problems))
    print(f"includes of {count} files checked")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
