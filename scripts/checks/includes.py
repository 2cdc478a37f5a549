"""Checks that includes follow the arrows of docs/architecture.md and libraries stay in their places."""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]

# Directory -> our directories it may include. Programs and workers sit on top.
ARROWS = {
    "core": {"core"},
    "protocol": {"core", "protocol"},
    "ingest": {"core", "protocol", "ingest"},
    "http": {"core", "http"},
    "pki": {"core", "pki"},
    "ca": {"core", "protocol", "pki", "ca"},
    "gateway": {"core", "protocol", "ingest", "http", "pki", "gateway"},
    "collector": {"core", "protocol", "pki", "collector"},
    "courier": {"core", "protocol", "courier"},
    "pg": {"core", "protocol", "pg"},
    "bgworker": {"core", "protocol", "pg", "bgworker"},
}
# Library (a prefix of the include) -> the directories that may use it.
LIBRARIES = {
    "boost/": {"http", "gateway"},
    "openssl/": {"http", "pki", "ca", "gateway", "collector", "courier", "ingest", "pg"},
    "simdjson": {"ingest", "pki"},
    "libdeflate": {"ingest", "collector"},
    "zstd": {"ingest"},
    "zlib": {"ingest", "collector"},
    "cjson/": {"http", "ingest", "gateway", "collector"},
    "seccomp": {"ca", "courier", "gateway"},
    "curl/": {"collector", "courier"},
    "libpq-fe": {"collector"},
    "toml++": {"collector"},
    "CLI/": {"collector"},
}
SERVER_SIDE = {"pg", "bgworker"}
# Their objects own memory that an ERROR would not give back.
NOT_IN_SERVER = {"string", "vector", "map", "functional", "memory", "unordered_map", "set", "list",
                 "deque", "iostream", "sstream", "fstream", "thread", "mutex", "future"}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)


def server_headers():
    """server_headers is the directory of PostgreSQL's own headers."""
    for program in ("/usr/lib/postgresql/15/bin/pg_config", "pg_config"):
        try:
            return pathlib.Path(subprocess.run([program, "--includedir-server"], check=True,
                                               text=True, capture_output=True).stdout.strip())
        except (OSError, subprocess.CalledProcessError):
            continue
    sys.exit("pg_config is missing")


def files_by_directory():
    for name in ARROWS:
        directory = ROOT / name if name == "bgworker" else ROOT / "src" / name
        for path in sorted(directory.rglob("*")):
            if path.suffix in (".cpp", ".hpp", ".h"):
                yield name, path


def resolve(include, path):
    """resolve gives our own file that an include means, None if it is somebody else's."""
    for base in (ROOT / "src", ROOT, path.parent):
        if (base / include).is_file():
            return base / include
    return None


def owner(path):
    """owner is the name in ARROWS of the directory a file is in."""
    parts = path.relative_to(ROOT).parts
    return parts[1] if parts[0] == "src" else parts[0]


def includes_of(path):
    text = path.read_text(encoding="utf-8")
    for match in INCLUDE.finditer(text):
        yield text.count("\n", 0, match.start()) + 1, match.group(1), match.group(2)


def forbidden_closure(path, seen):
    """forbidden_closure gives (file, line, header) of owning headers reached through our own files."""
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

    for name, path in files_by_directory():
        count += 1
        for line, _, include in includes_of(path):
            target = resolve(include, path)
            if target is not None:
                if owner(target) not in ARROWS[name]:
                    report(path, line, f"{name} must not include {owner(target)}")
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
