"""Checks the install script: search_path, privileges, comments, qualified names, plain CREATE.

Each file of sql is part of the script (order.txt). An object's GRANTs stand in the file that makes it. Only
pganalytics_rules gets privileges elsewhere, behind the rule that needs them. The script ends with what takes
everything from PUBLIC.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Called for every row of a query: SET search_path would make it ten times as slow, and it looks up
# no name.
WITHOUT_SEARCH_PATH = {"pganalytics.evaluation_time"}
REVOKED = ("TABLES", "SEQUENCES", "ROUTINES")
SEARCH_PATH = re.compile(r"SET\s+search_path\s*(?:=|TO)\s*pg_catalog\s*,\s*pg_temp", re.I)


def without_comments(text):
    """without_comments replaces -- comments outside of quotes by blanks, so that line numbers stay."""
    pattern = re.compile(r"('(?:[^']|'')*')|(--[^\n]*)")
    return pattern.sub(lambda m: m.group(1) or " " * len(m.group(2)), text)


def statements(text):
    """statements gives (line, statement, body) of a script; body is the text in dollar quotes."""
    start = 0
    position = 0
    body = ""
    token = re.compile(r"'(?:[^']|'')*'|\$(\w*)\$|;|^\\[^\n]*$", re.M)
    outside = ""
    while True:
        match = token.search(text, position)
        if match is None:
            return
        if match.group(0).startswith("\\"):
            position = start = match.end()
            continue
        if match.group(0) == ";":
            outside += text[position:match.end()]
            stripped = outside.strip()
            line = text.count("\n", 0, start + len(text[start:]) - len(text[start:].lstrip())) + 1
            yield line, stripped, body
            outside, body = "", ""
            position = start = match.end()
            continue
        outside += text[position:match.end()]
        position = match.end()
        if match.group(0).startswith("$"):
            end = text.index(match.group(0), position)
            body += text[position:end]
            position = end + len(match.group(0))


def read_order(problems):
    """read_order gives the files that the install script is made of; each file of sql is one of them."""
    order = ROOT / "sql/order.txt"
    files = []
    for line, name in enumerate(order.read_text(encoding="utf-8").split("\n"), 1):
        path = ROOT / "sql" / f"{name}.sql"
        if name and (path in files or not path.is_file()):
            problems.append(f"{order.relative_to(ROOT)}:{line}: sql/{name}.sql "
                            f"{'is named already' if path in files else 'is not there'}")
        elif name:
            files.append(path)
    problems += [f"{path.relative_to(ROOT)}:1: is not in {order.relative_to(ROOT)}: nobody installs it"
                 for path in sorted((ROOT / "sql").rglob("*.sql")) if path not in files]
    return files


def main():
    problems = []
    functions, commented, definers, objects = {}, set(), {}, {}
    revoked = {kind: 0 for kind in REVOKED}
    grants = []
    order = last_created = 0
    files = read_order(problems)
    for path in files:
        text = without_comments(path.read_text(encoding="utf-8"))
        for line, statement, body in statements(text):
            order += 1
            where = f"{path.relative_to(ROOT)}:{line}"
            flat = re.sub(r"\s+", " ", statement)
            if re.match(r"CREATE OR REPLACE", flat, re.I) or re.match(
                    r"CREATE (?:\w+ )*IF NOT EXISTS", flat, re.I):
                problems.append(f"{where}: plain CREATE only: what is there already may be a trap")
            if re.match(r"(DROP|SET|RESET|TRUNCATE) ", flat, re.I):
                problems.append(f"{where}: {flat.split()[0]} has no place in an install script")
            created = re.match(r"CREATE (?:UNLOGGED )?(FUNCTION|PROCEDURE|TABLE|VIEW|TYPE|SEQUENCE|"
                               r"MATERIALIZED VIEW|AGGREGATE|DOMAIN) (?:IF NOT EXISTS )?([\w.\"]+)",
                               flat, re.I)
            if created:
                kind, name = created.group(1).upper(), created.group(2)
                if not name.startswith("pganalytics."):
                    problems.append(f"{where}: {name} is not qualified with its schema")
                objects[kind, name] = where
                last_created = order
                if kind in ("FUNCTION", "PROCEDURE"):
                    functions[name] = where
                    if name not in WITHOUT_SEARCH_PATH and not SEARCH_PATH.search(flat):
                        problems.append(f"{where}: {name} does not fix search_path = pg_catalog, "
                                        "pg_temp")
                    if re.search(r"SECURITY DEFINER", flat, re.I):
                        definers[name] = where
            comment = re.match(r"COMMENT ON ([A-Z ]+?) (pganalytics\.\w+)", flat)
            if comment:
                commented.add((comment.group(1), comment.group(2)))
            revoke = re.match(r"REVOKE ALL ON ALL (\w+) IN SCHEMA pganalytics FROM PUBLIC", flat)
            if revoke:
                revoked[revoke.group(1)] = order
            grant = re.match(r"GRANT .*? ON (.*) TO (.*);", re.sub(r"\([^)]*\)", "", flat))
            if grant:
                grants += [(where, granted, grant.group(2))
                           for granted in re.findall(r"pganalytics\.\w+", grant.group(1))]
            if re.match(r"GRANT .* TO .*\bPUBLIC\b", flat, re.I):
                problems.append(f"{where}: nothing is granted to PUBLIC")
    for kind in REVOKED:
        if revoked[kind] < last_created:
            problems.append(f"{files[-1].relative_to(ROOT)}: does not end with REVOKE ALL ON ALL {kind} "
                            "IN SCHEMA pganalytics FROM PUBLIC")
    made_in = {}
    for (_, name), where in objects.items():
        made_in.setdefault(name, set()).add(where.split(":")[0])
    for where, name, roles in grants:
        if where.split(":")[0] not in made_in.get(name, ()) and roles != "pganalytics_rules":
            problems.append(f"{where}: the GRANT on {name} stands in another file than {name}")
    for (kind, name), where in objects.items():
        if (kind, name) not in commented:
            problems.append(f"{where}: {kind.lower()} {name} has no COMMENT")
    tests = "".join(path.read_text(encoding="utf-8")
                    for pattern in ("regress/*", "isolation/**/*.spec", "e2e/**/*.py")
                    for path in (ROOT / "test").glob(pattern) if path.is_file())
    for name, where in definers.items():
        if name.split(".")[1] not in tests:
            problems.append(f"{where}: SECURITY DEFINER {name} without a test")
    if len(functions) < 5:
        problems.append(f"only {len(functions)} functions found: is this the right directory?")
    print("\n".join(problems))
    print(f"{len(objects)} objects in {len(files)} files checked, {len(functions)} of them functions")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
