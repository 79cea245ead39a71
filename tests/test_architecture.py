"""The order of packages in docs/architecture.md against the imports of the code."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = "perception_kd"
MODULE_NAME = re.compile(r"(?:perception_kd|examples|tests|tools)(?:\.[a-z_]\w*)+")
LAZY = Path("registry.py")  # names the modules that register classes when a type is looked up


class Import(NamedTuple):
    """One name that a file of the package imports from the package.

    Attributes:
        place: File and line.
        source: Package that the file is part of, such as "models".
        target: Package that is imported; "" for `perception_kd` itself.
        private: The imported name if it begins with an underscore, else None.
    """

    place: str
    source: str
    target: str
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
        elif isinstance(node, ast.Constant) and file != LAZY and names_module(node.value):
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
            found.append(Import(f"{file}:{line}", source, target, private))
    return found


def upward_imports(imports: list[Import], order: list[str]) -> list[str]:
    """Return the imports of a package by one that stands below it in the order."""
    height = {name: rank for rank, name in enumerate(["", *order])}
    return [
        f"{found.place}: {found.source or PACKAGE} imports {found.target}"
        for found in imports
        if height[found.target] > height[found.source]
    ]


def test_the_order_names_every_package_once() -> None:
    folder = ROOT / PACKAGE
    packages = [path.parent.name for path in folder.glob("*/__init__.py")]
    modules = [path.stem for path in folder.glob("*.py") if path.stem != "__init__"]
    assert sorted(read_order()) == sorted([*packages, *modules])


def test_no_package_imports_one_above_it() -> None:
    upward = upward_imports(find_imports(ROOT / PACKAGE), read_order())
    assert not upward, "Imports against the order:\n" + "\n".join(upward)


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
