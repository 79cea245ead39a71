"""Read the text of a config that mmengine wrote, without running it.

mmengine writes the config of a run into its work dir and into its checkpoints, as
Python. ``Config.fromfile`` would run that text, which may come from anywhere.
"""

import ast
from typing import Any


def parse_config_text(text: str, name: str) -> dict[str, Any]:
    """Return the settings of a config text.

    Args:
        text: Assignments of literals and of ``dict(...)``, as mmengine writes them, or
            after a docstring.
        name: Where the text is from, for the error.

    Raises:
        ValueError: If it has anything else, such as an import, a loop or a call.

    Example:
        >>> parse_config_text("train_cfg = dict(max_epochs=2)", "the example")
        {'train_cfg': {'max_epochs': 2}}
    """
    try:
        settings = {}
        module = ast.parse(text)
        for statement in module.body[ast.get_docstring(module) is not None :]:
            if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
                raise ValueError(f"line {statement.lineno} is not an assignment")
            target = statement.targets[0]
            if not isinstance(target, ast.Name):
                raise ValueError(f"line {statement.lineno} assigns to no name")
            settings[target.id] = _evaluate(statement.value)
    except (ValueError, SyntaxError, RecursionError, MemoryError) as error:
        raise ValueError(
            f"{name} must be a config as mmengine writes it, of values and dict(...) only, but "
            f"got another text: {error}."
        ) from error
    return settings


def _evaluate(node: ast.expr) -> Any:
    if isinstance(node, ast.Call):
        if not (isinstance(node.func, ast.Name) and node.func.id == "dict" and not node.args):
            raise ValueError(f"line {node.lineno} calls {ast.unparse(node.func)[:40]}")
        if any(keyword.arg is None for keyword in node.keywords):
            raise ValueError(f"line {node.lineno} has a **dict")
        return {str(keyword.arg): _evaluate(keyword.value) for keyword in node.keywords}
    if isinstance(node, ast.Dict):
        if any(key is None for key in node.keys):
            raise ValueError(f"line {node.lineno} has a **dict")
        keys = [ast.literal_eval(key) for key in node.keys if key is not None]
        return dict(zip(keys, map(_evaluate, node.values), strict=True))
    if isinstance(node, ast.List):
        return [_evaluate(element) for element in node.elts]
    if isinstance(node, ast.Tuple):
        return tuple(_evaluate(element) for element in node.elts)
    return ast.literal_eval(node)
