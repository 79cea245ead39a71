"""Functions take few arguments; what more take is listed here, with the reason."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
MOST = 8
# By module and name. Arguments of a class that configs build are the keys of configs.
EXCEPTIONS = {
    "evaluation/info_boxes.py NamedBox.__init__": "as the base class of the devkit",
    "models/losses/region_contrast.py region_contrast": "switches of one equation",
    "models/pretrainers/image_to_lidar.py ImageToLidarPretrainer.__init__": "keys of configs",
    "models/tasks/bev_task_model.py BEVTaskModel.__init__": "keys of configs",
    "ops/sparse/layers.py _Convolution.__init__": "as layers of spconv",
}


def is_registered(owner: ast.ClassDef) -> bool:
    """Return whether configs build a class by its name."""
    return any("register_module" in ast.unparse(each) for each in owner.decorator_list)


def list_functions(
    node: ast.AST, owner: str = ""
) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Yield the functions in a node, also of classes, but for what configs build."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield owner + child.name, child
            yield from list_functions(child, f"{owner}{child.name}.")
        elif isinstance(child, ast.ClassDef):
            of_class = list_functions(child, f"{owner}{child.name}.")
            skips = is_registered(child)
            yield from (x for x in of_class if not (skips and x[1].name == "__init__"))
        else:
            yield from list_functions(child, owner)


def count_arguments(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return the number of arguments, but for that of the object or class."""
    args = function.args
    names = [arg.arg for arg in (*args.posonlyargs, *args.args, *args.kwonlyargs)]
    return len([name for name in names if name not in ("self", "cls")])


def find_long(folder: Path) -> dict[str, int]:
    """Return the functions with too many arguments, and how many they have."""
    return {
        f"{path.relative_to(folder).as_posix()} {name}": count_arguments(function)
        for path in sorted(folder.rglob("*.py"))
        for name, function in list_functions(ast.parse(path.read_text()))
        if count_arguments(function) > MOST
    }


def test_functions_take_at_most_eight_arguments() -> None:
    assert set(find_long(ROOT / "perception_kd")) == EXCEPTIONS.keys()
    assert find_long(ROOT / "tools") == find_long(ROOT / "examples") == {}


def test_a_function_with_nine_arguments_is_found(tmp_path: Path) -> None:
    names = ", ".join("abcdefghi")
    (tmp_path / "module.py").write_text(
        f"class A:\n    def take(self, {names}): ...\n    def less(self, *, {names[:-3]}): ...\n"
        f"@MODELS.register_module()\nclass B:\n    def __init__(self, {names}): ...\n"
    )
    assert find_long(tmp_path) == {"module.py A.take": 9}
