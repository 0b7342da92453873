"""Classes by name: the text under which every process finds a class again."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any


def class_ref(cls: type) -> str:
    """The text `module:qualname` under which every process finds a class.

    Raises:
        ImportError: Another process could not find it; the message says what to do.
    """
    ref = f"{cls.__module__}:{cls.__qualname__}"
    if "<locals>" in ref:
        raise ImportError(f"class {ref} is defined inside a function; define it at the top of a module")
    if "[" in ref:
        raise ImportError(f"class {ref} has no name of its own; write class Name({cls.__qualname__})")
    if cls.__module__ == "__main__":
        raise ImportError(
            f"class {ref} is defined in the script itself, where workers cannot find it; move it to a module"
        )
    if find_class(ref) is not cls:
        raise ImportError(f"{ref} is another object than this class; give the class a name of its own")
    return ref


def find_class(ref: str) -> type:
    """The class behind a text of `class_ref`; imports its module if need be.

    Raises:
        ImportError: There is no such class.
    """
    module, _, qualname = ref.partition(":")
    try:
        found: Any = sys.modules.get(module) or import_module(module)
        for name in qualname.split("."):
            found = getattr(found, name)
    except Exception as error:  # importing runs the module's own code, which may raise anything
        raise ImportError(f"class {ref} cannot be imported ({type(error).__name__}: {error})") from error
    if isinstance(found, type):
        return found
    raise ImportError(f"{ref} is not a class")
