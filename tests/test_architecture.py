"""The order of packages in docs/architecture.md against the imports of the code."""

import ast
import re
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = "perception_kd"
MODULE_NAME = re.compile(r"(?:perception_kd|examples|tests|tools)(?:\.[a-z_]\w*)+")
# Functions that do the same for different things, each in a module of its own.
SHARED_NAMES = {
    *("DATA_SET", "add_arguments", "add_origin", "make_cases", "make_layout"),
    *("read_origin", "recognize", "run"),
}
# Import what they name on look-up; the first, when mmdet3d looks for spconv.
LAZY = (Path("__init__.py"), Path("registry.py"), Path("datasets/catalog.py"))


class Import(NamedTuple):
    """One name that a file of the package imports from the package.

    Attributes:
        place: File and line.
        source: Package that the file is part of, such as "models".
        target: Package that is imported; "" for `perception_kd` itself.
        importer: Folder of the file below the package, such as ("models", "heads").
        imported: Folder of the module that is imported, in the same form.
        private: The imported name if it begins with an underscore, else None.
    """

    place: str
    source: str
    target: str
    importer: tuple[str, ...]
    imported: tuple[str, ...]
    private: str | None


def read_order() -> list[str]:
    """Return the packages in the table of docs/architecture.md, lowest first."""
    text = (ROOT / "docs/architecture.md").read_text()
    table = text.split("## Packages")[1].split("\n## ")[0]
    return re.findall(r"^\| `(\w+)` \|", table, flags=re.MULTILINE)[::-1]


def is_private(name: str) -> bool:
    """Return whether a name begins with one underscore, as `_helper` does."""
    return name.startswith("_") and not name.startswith("__")


def is_package_path(name: str) -> bool:
    """Return whether a dotted name is that of the package or of something in it."""
    return name == PACKAGE or name.startswith(f"{PACKAGE}.")


def names_module(value: object) -> bool:
    """Return whether a constant of a program is the full name of a module."""
    return isinstance(value, str) and MODULE_NAME.fullmatch(value) is not None


def is_module(path: Path) -> bool:
    """Return whether a path without suffix is a package or a module."""
    return path.is_dir() or path.with_suffix(".py").is_file()


def absolute_module(node: ast.ImportFrom, file: Path) -> str:
    """Return the dotted name of the module that a `from` statement reads."""
    if not node.level:
        return node.module or ""
    folder = [PACKAGE, *file.parent.parts]
    parts = folder[: len(folder) - node.level + 1]
    return ".".join([*parts, node.module] if node.module else parts)


def imported_names(tree: ast.AST, file: Path) -> Iterator[tuple[int, str]]:
    """Yield the line and the full dotted name of all that a file imports.

    Imports inside functions count, as do strings that are names of modules, such
    as the arguments of `import_module` and `files`.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = absolute_module(node, file)
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Constant) and file not in LAZY and names_module(node.value):
            yield node.lineno, str(node.value)


def private_attributes(tree: ast.AST, file: Path) -> Iterator[tuple[int, str]]:
    """Yield the line and dotted name of private attributes of imported names."""
    origins: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            module = absolute_module(node, file)
            origins |= {a.asname or a.name: f"{module}.{a.name}" for a in node.names}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            origin = origins.get(node.value.id)
            if origin is not None and is_private(node.attr):
                yield node.lineno, f"{origin}.{node.attr}"


def find_imports(folder: Path) -> list[Import]:
    """Return what the files below the package's folder import from the package."""
    found = []
    for path in sorted(folder.rglob("*.py")):
        file = path.relative_to(folder)
        source = file.parts[0].removesuffix(".py").removeprefix("__init__")
        tree = ast.parse(path.read_text())
        names = [*imported_names(tree, file), *private_attributes(tree, file)]
        for line, name in names:
            if not is_package_path(name):
                continue
            parts = name.split(".")[1:]
            target = parts[0] if parts and is_module(folder / parts[0]) else ""
            private = next((part for part in parts if is_private(part)), None)
            imported = innermost_folder(folder, parts)
            found.append(
                Import(f"{file}:{line}", source, target, file.parts[:-1], imported, private)
            )
    return found


def upward_imports(imports: list[Import], order: list[str]) -> list[str]:
    """Return the imports of a package by one that stands below it in the order.

    The package's own `__init__` names what is public, and imports it on first use.
    """
    height = {name: rank for rank, name in enumerate(["", *order])}
    return [
        f"{found.place}: {found.source or PACKAGE} imports {found.target}"
        for found in imports
        if found.source and height[found.target] > height[found.source]
    ]


def innermost_folder(folder: Path, parts: list[str]) -> tuple[str, ...]:
    """Return the folder of the module that a dotted name leads to."""
    number = 0
    while number < len(parts) and folder.joinpath(*parts[: number + 1]).is_dir():
        number += 1
    return tuple(parts[:number])


def circles(imports: list[Import]) -> list[str]:
    """Return the imports between parts of a package that import each other.

    A part is a sub-package with all below it, or the loose modules of the package, "".
    """
    edges: dict[tuple[str, ...], dict[tuple[str, str], str]] = {}
    for found in imports:
        package = common_start(found.importer, found.imported)
        parts = ["".join(each[len(package) :][:1]) for each in (found.importer, found.imported)]
        if package and parts[0] != parts[1]:
            edges.setdefault(package, {}).setdefault((parts[0], parts[1]), found.place)
    return [
        f"{place}: {'.'.join(package)} has {a or 'a loose module'} import {b or 'a loose module'}"
        for package, pairs in edges.items()
        for (a, b), place in pairs.items()
        if a in reached_from(b, list(pairs))
    ]


def common_start(a: tuple[str, ...], b: tuple[str, ...]) -> tuple[str, ...]:
    """Return the longest beginning that two paths share."""
    return tuple(x for x, _ in takewhile(lambda pair: pair[0] == pair[1], zip(a, b, strict=False)))


def reached_from(start: str, pairs: list[tuple[str, str]]) -> set[str]:
    """Return all that can be reached along pairs of (from, to)."""
    reached, new = set[str](), {start}
    while new:
        reached |= new
        new = {b for a, b in pairs if a in reached} - reached
    return reached


def public_names(tree: ast.Module) -> Iterator[str]:
    """Yield the names of a module's public classes, functions, types and constants."""
    for node in tree.body:
        names: list[str] = []
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            names = [node.name]
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            nodes = [inner for target in targets for inner in ast.walk(target)]
            names = [inner.id for inner in nodes if isinstance(inner, ast.Name)]
            names = [name for name in names if name[0].isupper()]
        yield from (name for name in names if not name.startswith("_"))


def doubled_names(folder: Path) -> list[str]:
    """Return the public names that several modules below a folder define."""
    places: dict[str, list[str]] = {}
    for path in sorted(folder.rglob("*.py")):
        for name in dict.fromkeys(public_names(ast.parse(path.read_text()))):
            places.setdefault(name, []).append(str(path.relative_to(folder)))
    return [f"{name}: {', '.join(found)}" for name, found in places.items() if len(found) > 1]


def test_the_order_names_every_package_once() -> None:
    folder = ROOT / PACKAGE
    packages = [path.parent.name for path in folder.glob("*/__init__.py")]
    modules = [path.stem for path in folder.glob("*.py") if path.stem != "__init__"]
    assert sorted(read_order()) == sorted([*packages, *modules])


def test_the_index_leads_to_every_module() -> None:
    index = (ROOT / "docs/architecture.md").read_text().split("## Index")[1]
    names = re.findall(r"`([\w/]+(?:\.py|/))`", index)
    folder = ROOT / PACKAGE
    files = [str(path.relative_to(folder)) for path in sorted(folder.rglob("*.py"))]
    starts = tuple(name for name in names if name.endswith("/"))
    modules = [file for file in files if not file.endswith("__init__.py")]
    missing = [file for file in modules if file not in names and not file.startswith(starts)]
    assert not missing, f"docs/architecture.md: no row of the index names {missing}"


def test_the_index_has_the_four_parts_of_the_project() -> None:
    index = (ROOT / "docs/architecture.md").read_text().split("## Index")[1]
    assert re.findall(r"^### (\w+)$", index, re.MULTILINE) == [
        "Data",
        "Models",
        "Runs",
        "Experiments",
    ]


def test_no_package_imports_one_above_it() -> None:
    upward = upward_imports(find_imports(ROOT / PACKAGE), read_order())
    assert not upward, "Imports against the order:\n" + "\n".join(upward)


def test_no_part_of_a_package_imports_one_that_imports_it() -> None:
    found = circles(find_imports(ROOT / PACKAGE))
    assert not found, "Parts that import each other:\n" + "\n".join(found)


def test_private_names_stay_in_their_package() -> None:
    private = [
        f"{found.place}: {found.private} of {found.target}"
        for found in find_imports(ROOT / PACKAGE)
        if found.private and found.source != found.target
    ]
    assert not private, "Private names of other packages:\n" + "\n".join(private)


def test_the_package_imports_neither_tools_nor_tests() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in sorted((ROOT / PACKAGE).rglob("*.py"))
        for line, name in imported_names(ast.parse(path.read_text()), path)
        if name.split(".")[0] in ("examples", "tests", "tools")
    ]
    assert not found, "\n".join(found)


def test_a_public_name_has_one_meaning() -> None:
    doubled = [x for x in doubled_names(ROOT / PACKAGE) if x.split(":")[0] not in SHARED_NAMES]
    assert not doubled, "Names with several meanings:\n" + "\n".join(doubled)


def test_names_of_several_modules_are_found(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("class Frame: ...\nRow = dict[str, int]\nA, ROW = _Own = 1, 2\n")
    (tmp_path / "b.py").write_text("def run(): ...\nRow: type = list\nROW = _Own = 2\n")
    (tmp_path / "c.py").write_text("def run(): ...\nFrame = list[int]\n")
    found = ["Frame: a.py, c.py", "Row: a.py, b.py", "ROW: a.py, b.py", "run: b.py, c.py"]
    assert doubled_names(tmp_path) == found


@pytest.mark.parametrize(
    "statement",
    [
        "from perception_kd.high import name",
        "import perception_kd.high.module",
        "from perception_kd import high",
        "from ..high import name",
        "def f():\n    from perception_kd.high import name",
        "importlib.import_module('perception_kd.high.module')",
        "importlib.resources.files('perception_kd.high')",
        "PackageLoader(package_name='perception_kd.high')",
    ],
)
def test_every_form_of_an_upward_import_is_found(tmp_path: Path, statement: str) -> None:
    for name in ("low", "high"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").touch()
    (tmp_path / "low/module.py").write_text(statement)
    imports = find_imports(tmp_path)
    assert len(upward_imports(imports, ["low", "high"])) == 1
    assert upward_imports(imports, ["high", "low"]) == []


@pytest.mark.parametrize(
    "statement",
    ["from perception_kd.low.module import _f", "from perception_kd.low import m\nm._f()"],
)
def test_every_form_of_a_private_import_is_found(tmp_path: Path, statement: str) -> None:
    for name in ("low", "high"):
        (tmp_path / name).mkdir()
    (tmp_path / "high/module.py").write_text(statement)
    assert [found.private for found in find_imports(tmp_path) if found.private] == ["_f"]


@pytest.mark.parametrize(
    ("files", "number"),
    [
        ({"a/b/x.py": "a.c.x", "a/c/x.py": ""}, 0),
        ({"a/b/x.py": "a.c.x", "a/c/y.py": "a.b.y"}, 2),
        ({"a/b/x.py": "a.c.x", "a/c/y.py": "a.d.x", "a/d/x.py": "a.b"}, 3),
        ({"a/x.py": "a.b.x", "a/b/y.py": "a.y"}, 2),
        ({"a/__init__.py": "a.b", "a/b/y.py": "a.y"}, 2),
        ({"a/b/c/x.py": "a.b.d.x", "a/b/d/e/x.py": "a.b.c.x"}, 2),
        ({"a/b/c/x.py": "a.d.x", "a/d/x.py": "a.b.e.x"}, 2),
    ],
)
def test_circles_are_found_at_every_level(
    tmp_path: Path, files: dict[str, str], number: int
) -> None:
    for name, imported in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"from {PACKAGE}.{imported} import name" if imported else "")
    for name in files.values():
        folder = tmp_path.joinpath(*name.split("."))
        if not folder.is_dir():
            folder.parent.mkdir(parents=True, exist_ok=True)
            folder.with_suffix(".py").touch()
    assert len(circles(find_imports(tmp_path))) == number
