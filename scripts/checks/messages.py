"""Checks that no code decides by the text of a message.

A text is for people: its words change, and are translated. Code must use the kind beside it: an
enum in a struct or a frame, a column of a function's result, an SQLSTATE. So a variable whose name
says that it holds a message must not be compared with a text in the source.
"""
import pathlib
import re
import subprocess
import sys

from sql import without_comments

# (file, what the line has, reason). One that fits no line is an error, too.
EXCEPTIONS = [
    ("src/pg/audit/statements/message.cpp", "message.starts_with(before)",
     "PostgreSQL gives the name of an object that was refused in the message alone; its format is known"),
    ("src/pg/audit/statements/message.cpp", "message.ends_with(after)", "the same"),
    ("src/pg/audit/statements/login.cpp", "strncmp(error.message_id, one.format",
     "all refused logins are 28000; message_id is the format in PostgreSQL's source, not translated"),
    ("scripts/cluster.py", '"still in use" not in str(error)',
     "a postmaster that cannot start yet says why in its log alone"),
]

HOLDS_TEXT = (r"(?:message|message_id|errmsg|error_text|error|why|why_not|reason|detail|last_error|problem|"
              r"stderr|errors|what)")
# Of C++: the variable itself, a member, what a call gives; and that as a std::string_view or its bytes.
CXX_TEXT = rf"(?:\w+(?:\.|->))*\b{HOLDS_TEXT}(?:\(\))?(?:\.c_str\(\)|\.data\(\))?"
CXX_VALUE = rf"(?:std::)?\b(?:string(?:_view)?[({{]{CXX_TEXT}[)}}]|{HOLDS_TEXT}(?:\(\))?)"
CXX_WORDS = r"(?:\"[^\"]|(?:[a-z]\w*::)*k[A-Z]\w*\b)"
CXX_FINDS = r"\.(?:find|rfind|starts_with|ends_with|contains|compare)\("
CXX = [re.compile(pattern) for pattern in (
    # message.find("..."), std::string_view(why).ends_with(kWords), message.substr(0, 4).starts_with("...")
    rf"{CXX_VALUE}(?:\.substr\([^;]*?\))?{CXX_FINDS}",
    # strcmp(why, "..."), strcmp("...", why), strstr(status->last_error, ...)
    rf"\bstr(?:n?cmp|n?casecmp|str|casestr)\((?:[^;]*?[.>\s(])?{HOLDS_TEXT}(?:\.c_str\(\))?,\s*"
    r"(?:\"[^\"]|k[A-Z]|one\.)",
    rf"\bstr(?:n?cmp|n?casecmp)\(\"[^\"]+\",\s*{CXX_TEXT}",
    # memcmp(message, "...", 4), memcmp(kWords, message.data(), 4)
    rf"\bmemcmp\((?:[^,;]*,\s*)?{CXX_TEXT}\s*,",
    # why == "...", error.message.substr(0, 4) != kWords
    rf"{CXX_VALUE}(?:\.substr\([^;]*?\))?\s*[!=]=\s*{CXX_WORDS}",
    rf"{CXX_WORDS}\s*[!=]=\s*(?:(?:\w+(?:\.|->))*|){CXX_VALUE}")]
PYTHON_TEXT = rf"(?:\bstr\(error\)|(?:\b\w+\.)*\b{HOLDS_TEXT}\b(?!\())"
PYTHON_WORDS = r"[rbf]*(?:\"[^\"]|'[^'])"
PYTHON = [re.compile(pattern) for pattern in (
    rf"[\"'] (?:not )?in {PYTHON_TEXT}(?!\.splitlines|s?\[)",
    rf"{PYTHON_TEXT}\.(?:startswith|endswith|find|index|count)\(",
    rf"re\.\w+\([^,]+, *{PYTHON_TEXT}\)",
    # why == "...", "..." != error.message, why in ("...", "...")
    rf"{PYTHON_TEXT}(?:\[[^\]]*\])? *[!=]= *{PYTHON_WORDS}",
    rf"[\"'] *[!=]= *{PYTHON_TEXT}",
    rf"(?<!for ){PYTHON_TEXT} (?:not )?in [(\[{{]{PYTHON_WORDS}")]
SQL_TEXT = rf"(?:\w+\.)*\b(?:sqlerrm|{HOLDS_TEXT})\b"
SQL_WORDS = r"E?'[^']"
SQL_EQUALS = r"(?:=|<>|!=|\bIS\s+(?:NOT\s+)?DISTINCT\s+FROM\b)"
SQL = [re.compile(pattern, re.IGNORECASE) for pattern in (
    rf"{SQL_TEXT}\s+(?:NOT\s+)?(?:LIKE|ILIKE|SIMILAR|~~?\*?|!~~?\*?)\s+'",
    rf"\b(?:strpos|starts_with|regexp_\w+|position)\({SQL_TEXT}",
    r"\bsqlerrm\s*(?:=|<>)",
    # message = '...', '...' <> message, = ANY ('...'), IN ('...', '...'), CASE message WHEN
    rf"{SQL_TEXT}\s*{SQL_EQUALS}\s*(?:ANY\s*\((?:ARRAY\[)?)?{SQL_WORDS}",
    rf"'\s*{SQL_EQUALS}\s*{SQL_TEXT}",
    rf"{SQL_TEXT}\s+(?:NOT\s+)?IN\s*\({SQL_WORDS}",
    rf"\bCASE\s+{SQL_TEXT}\s+WHEN\b")]
# The last of these words says whether `last_error = '...'` assigns (SET; USING, of RAISE) or compares.
SQL_CLAUSE = re.compile(r"\b(SET|USING|WHERE|AND|OR|NOT|ON|IF|ELSIF|WHEN|CASE|SELECT|HAVING|CHECK|RETURN)\b")
SQL_QUOTED = re.compile(r"'(?:[^']|'')*'")
RULES = [(("src", "bgworker", "bench"), (".cpp", ".hpp", ".h"), CXX),
         (("scripts", "bench"), (".py", ""), PYTHON), (("sql",), (".sql",), SQL)]
# What looks for such comparisons, and what plants them.
WRITES_THEM_DOWN = ("scripts/checks/messages.py", "scripts/checks/test_rules.py")


def files():
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "src", "bgworker", "bench",
                             "scripts", "sql"], check=True, capture_output=True, text=True).stdout.split("\n")
    for name in filter(None, listed):
        path = pathlib.Path(name)
        if not path.is_file() or name in WRITES_THEM_DOWN:
            continue
        for roots, suffixes, patterns in RULES:
            if path.parts[0] in roots and path.suffix in suffixes:
                yield path, patterns


def code_of(path):
    """code_of is the text of a file without its comments; line numbers stay."""
    text = path.read_text(errors="replace")
    if path.suffix == ".sql":
        return without_comments(text)
    comment = "//" if path.suffix in (".cpp", ".hpp", ".h") else "#"
    return "\n".join(line.split(comment)[0] for line in text.split("\n"))


def is_assigned(path, before):
    words = SQL_CLAUSE.findall(SQL_QUOTED.sub("", before)) if path.suffix == ".sql" else []
    return bool(words) and words[-1] in ("SET", "USING")


def main():
    used, wrong, count = set(), [], 0
    for path, patterns in files():
        count += 1
        code, lines = code_of(path), path.read_text(errors="replace").split("\n")
        found = set()
        for match in (match for pattern in patterns for match in pattern.finditer(code)):
            if not is_assigned(path, code[:match.start()]):
                found.add((code.count("\n", 0, match.start()), code.count("\n", 0, match.end())))
        for first, last in sorted(found):
            line = " ".join(one.strip() for one in lines[first:last + 1])
            excused = [one for one in EXCEPTIONS if one[0] == str(path) and one[1] in line]
            used.update(excused)
            if not excused:
                wrong.append(f"{path}:{first + 1}: compares the text of a message: {line}")
    wrong += [f"scripts/checks/messages.py: the exception fits no line: {file}: {text}"
              for file, text, reason in EXCEPTIONS if (file, text, reason) not in used]
    print("\n".join(wrong) if wrong else f"{count} files: no message is read for its meaning")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
