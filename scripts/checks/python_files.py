"""Checks Python files: they parse, no definition replaces one above it, nothing is imported in vain."""
import ast
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
# The import stands there for its effect, or gives fixtures that pytest finds by their names.
MEANT = "noqa: F401"


def python_files():
    """python_files gives every file of Python, also those that only their first line names so."""
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, check=True, text=True,
                            capture_output=True).stdout.split("\n")
    for path in (ROOT / name for name in listed if name):
        if not path.is_file() or path.suffix not in (".py", ""):
            continue
        text = path.read_bytes()
        if path.suffix == ".py" or (text.startswith(b"#!") and b"python" in text.split(b"\n")[0]):
            yield path, text.decode("utf-8")


def replaced(nodes):
    """replaced gives the definitions of which the same body has one with the same name before."""
    for node in nodes:
        for body in (getattr(node, field, None) for field in ("body", "orelse", "finalbody")):
            seen = set()
            for one in body if isinstance(body, list) else ():
                if not isinstance(one, DEFINITIONS) or one.name == "_":
                    continue
                # @size.setter adds to the property above it.
                adds = any(isinstance(decorator, ast.Attribute) and isinstance(decorator.value, ast.Name)
                           and decorator.value.id == one.name for decorator in one.decorator_list)
                if one.name in seen and not adds:
                    yield one
                seen.add(one.name)


def unused(nodes, lines):
    """unused gives (line, name) of what is imported and named nowhere else."""
    # An argument asks for the fixture of its name.
    used = {node.id for node in nodes if isinstance(node, ast.Name)}
    used |= {node.arg for node in nodes if isinstance(node, ast.arg)}
    for node in nodes:
        if isinstance(node, (ast.Import, ast.ImportFrom)) and MEANT not in lines[node.lineno - 1]:
            for alias in node.names:
                name = (alias.asname or alias.name).split(".")[0]
                if name not in used:
                    yield node.lineno, name


def main():
    problems, count = [], 0
    for path, text in python_files():
        count += 1
        name = path.relative_to(ROOT)
        try:
            nodes = list(ast.walk(ast.parse(text)))
        except SyntaxError as error:
            problems.append(f"{name}:{error.lineno}: {error.msg}")
            continue
        problems += [f"{name}:{one.lineno}: {one.name} is there already" for one in replaced(nodes)]
        problems += [f"{name}:{line}: {imported} is imported and not used"
                     for line, imported in unused(nodes, text.split("\n"))]
    if count < 20:
        problems.append(f"only {count} files found: is this the right directory?")
    print("\n".join([*problems, f"{count} files of Python checked"]))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
