"""Pickles that hold plain data; nothing else is unpickled."""

import pickle
from typing import Any

# Plain data needs these; any other global in a pickle could run code.
_SAFE_GLOBALS = {
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy.core.multiarray", "scalar"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "scalar"),
    ("_codecs", "encode"),
    ("collections", "OrderedDict"),
    ("builtins", "set"),
    ("__builtin__", "set"),
}


class PlainUnpickler(pickle.Unpickler):
    """Unpickler that refuses all but plain data and NumPy arrays."""

    def find_class(self, module: str, name: str) -> Any:
        """Return a global of the list above.

        Raises:
            pickle.UnpicklingError: If the pickle names any other.
        """
        if (module, name) not in _SAFE_GLOBALS:
            raise pickle.UnpicklingError(f"it holds {module}.{name}, which is not plain data")
        return super().find_class(module, name)
