"""Checks the arrows between rooms, and that libraries stay in their places; and that both are in use."""
import functools
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
OWN_NAME = "scripts/checks/includes.py"

# Room -> the rooms that its files may include, besides itself and src/core, and do. The lower ones come
# first. A new arrow is a decision, so it is a new word here.
EVERYBODYS = "src/core"
ROOMS = {
    "src/core": set(),
    "src/protocol/catalog": set(),
    "src/protocol": {"src/protocol/catalog"},
    "src/redact": set(),
    "src/ingest/json": {"src/protocol/catalog"},
    "src/ingest": {"src/protocol/catalog", "src/protocol", "src/ingest/json"},
    "src/http": set(),
    "src/pki": set(),
    "src/pki/jwt": {"src/pki"},
    "src/sandbox": set(),
    "src/ca": {"src/protocol", "src/pki", "src/sandbox"},
    "src/courier": {"src/protocol", "src/sandbox"},
    "src/gateway/process": {"src/protocol", "src/http", "src/pki", "src/sandbox"},
    "src/gateway/identity": {"src/protocol", "src/http", "src/pki", "src/pki/jwt", "src/gateway/process"},
    "src/gateway/collectors": {"src/protocol", "src/ingest", "src/http", "src/pki", "src/gateway/process",
                               "src/gateway/identity"},
    "src/gateway/people": {"src/protocol", "src/http", "src/pki", "src/gateway/process",
                           "src/gateway/identity"},
    "src/gateway": {"src/protocol", "src/http", "src/pki", "src/sandbox", "src/gateway/process",
                    "src/gateway/identity", "src/gateway/collectors", "src/gateway/people"},
    "src/collector/life": {"src/pki"},
    "src/collector/sources": {"src/protocol/catalog", "src/redact", "src/collector/life"},
    "src/collector/statements": {"src/protocol", "src/collector/sources"},
    "src/collector/push": {"src/collector/life", "src/collector/sources", "src/collector/statements"},
    "src/collector/enrol": {"src/pki", "src/collector/life", "src/collector/push"},
    "src/collector": {"src/collector/life", "src/collector/sources", "src/collector/statements",
                      "src/collector/push", "src/collector/enrol"},
    "src/pg/base": {"src/protocol"},
    "src/pg/audit": {"src/protocol", "src/pg/base"},
    "src/pg/audit/statements": {"src/pg/base", "src/pg/audit"},
    "src/pg/identity": {"src/protocol", "src/pg/base", "src/pg/audit"},
    "src/pg/store/metrics": {"src/protocol", "src/protocol/catalog", "src/redact", "src/pg/base",
                             "src/pg/identity"},
    "src/pg/store": {"src/protocol/catalog", "src/protocol", "src/pg/base", "src/pg/audit", "src/pg/identity",
                     "src/pg/store/metrics"},
    "src/pg/alerts": {"src/protocol", "src/pg/base", "src/pg/audit"},
    "src/pg/api": {"src/protocol", "src/pg/base", "src/pg/audit", "src/pg/audit/statements",
                   "src/pg/identity"},
    "bgworker/process": {"src/protocol", "src/pg/base", "src/pg/audit", "src/pg/audit/statements",
                         "src/pg/identity"},
    "bgworker/ingest": {"src/pg/base", "src/pg/identity", "src/pg/store", "src/pg/store/metrics",
                        "bgworker/process"},
    "bgworker/api": {"src/pg/base", "src/pg/identity", "src/pg/api", "bgworker/process"},
    "bgworker/alerts": {"src/pg/base", "src/pg/alerts", "bgworker/process"},
    "bgworker/chores": {"src/protocol", "src/pg/base", "src/pg/audit", "src/pg/identity", "src/pg/store",
                        "bgworker/process"},
    "bgworker": {"src/pg/base", "src/pg/audit", "src/pg/audit/statements", "src/pg/identity",
                 "src/pg/store/metrics",
                 "bgworker/process", "bgworker/ingest", "bgworker/api", "bgworker/alerts", "bgworker/chores"},
}
# Library (how the include begins, in upper or lower case) -> the directories of src that may use it, and do.
LIBRARIES = {
    "boost/": {"http"},
    "openssl/": {"http", "pki", "ca", "gateway", "collector", "courier", "pg"},
    "simdjson": {"ingest", "pki"},
    "libdeflate": {"ingest", "collector"},
    "zstd": {"ingest"},
    "zlib": set(),  # libdeflate does its work
    "cjson": {"gateway", "collector"},
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
    """resolve gives our own file that an include means, None if it is somebody else's."""
    return resolve_from(include, path.parent)


@functools.cache
def resolve_from(include, folder):
    for base in (ROOT / "src", ROOT, folder):
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


@functools.cache  # the includes of a header are followed from every file that includes it
def includes_of(path):
    text = path.read_text(encoding="utf-8")
    return [(text.count("\n", 0, match.start()) + 1, match.group(1), match.group(2))
            for match in INCLUDE.finditer(text)]


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
    used = set()
    count = 0

    def report(path, line, text):
        problems.append(f"{path.relative_to(ROOT)}:{line}: {text}")

    for path in sources():
        count += 1
        room, name = room_of(path), directory_of(path)
        if room not in ROOMS:
            report(path, 1, f"{room} is no room of {OWN_NAME}")
            continue
        for line, _, include in includes_of(path):
            target = resolve(include, path)
            if target is not None:
                used.add((room, room_of(target)))
                if room_of(target) not in ROOMS[room] | {room, EVERYBODYS}:
                    report(path, line, f"{room} must not include {room_of(target)}")
                continue
            if name not in SERVER_SIDE and (server / include).is_file():
                report(path, line, f"PostgreSQL's {include} outside src/pg and bgworker")
            for prefix, users in LIBRARIES.items():
                if include.lower().startswith(prefix.lower()):
                    used.add((prefix, name))
                    if name not in users:
                        report(path, line, f"{include} in {name}")
        if name in SERVER_SIDE:
            for where, line, include in forbidden_closure(path, {path}):
                report(path, 1, f"<{include}> in the server, by {where.relative_to(ROOT)}:{line}")
    problems += [f"{OWN_NAME}:1: {room} may include {target}, and does not"
                 for room, targets in ROOMS.items()
                 for target in sorted(targets) if (room, target) not in used]
    problems += [f"{OWN_NAME}:1: {user} may use {prefix}, and does not"
                 for prefix, users in LIBRARIES.items()
                 for user in sorted(users) if (prefix, user) not in used]
    if count < 20:
        problems.append(f"only {count} files found: is this the right directory?")
    print("\n".join(problems))
    print(f"includes of {count} files checked")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
