"""A hash of a function's code: of the syntax tree, so that comments and layout do not count."""

from __future__ import annotations

import ast
import inspect
import textwrap
import types
from collections.abc import Callable, Iterator
from typing import Any

from chia_ray import _native

# What the tree says of how the source was written, and not of what it does.
_LAYOUT = frozenset(("ctx", "kind", "type_comment"))
# Decorators that say how a call is dispatched.
_DISPATCH = frozenset(("ChiaFunction", "function"))
_DOCUMENTED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Module)


def code_hash(function: Callable[..., Any]) -> int | None:
    """The hash of a function's code, and of the code of the functions of its module that it refers to.

    Comments, layout and docstrings do not count, nor the options of ``@ChiaFunction``. None for what has
    no code in Python.
    """
    texts: dict[str, str] = {}
    try:
        _collect(_undecorated(function), texts)
    except Exception:
        # Code that cannot be read is compared as unknown, and never fails a call.
        return None
    if not texts:
        return None
    return _native.digest("\n".join(f"{name} {texts[name]}" for name in sorted(texts)))


def _collect(function: Any, texts: dict[str, str]) -> None:
    if not isinstance(function, types.FunctionType) or function.__qualname__ in texts:
        return
    texts[function.__qualname__] = _text_of(function)
    for other in _referenced(function):
        found = _undecorated(other)
        if getattr(found, "__module__", None) == function.__module__:
            _collect(found, texts)


def _undecorated(function: Any) -> Any:
    """The plain function behind a decorated one."""
    function = getattr(function, "_chia_original", function)
    return inspect.unwrap(getattr(function, "__func__", function))


def _referenced(function: types.FunctionType) -> Iterator[Any]:
    """The values of the names that a function uses, of its module and of the functions around it."""
    for name in _names(function.__code__):
        if name in function.__globals__:
            yield function.__globals__[name]
    for cell in function.__closure__ or ():
        # A cell may be empty: the function around has not reached it yet.
        yield getattr(cell, "cell_contents", None) if _is_filled(cell) else None


def _is_filled(cell: types.CellType) -> bool:
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return False
    return True


def _names(code: types.CodeType) -> Iterator[str]:
    yield from code.co_names
    for const in code.co_consts:
        if isinstance(const, types.CodeType):
            yield from _names(const)


def _text_of(function: types.FunctionType) -> str:
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, SyntaxError, ValueError):
        # It was typed at a prompt, or is a part of an expression.
        return _compiled_text(function.__code__)
    for node in ast.walk(tree):
        if isinstance(node, _DOCUMENTED):
            _strip(node)
    return _node_text(tree)


def _strip(node: Any) -> None:
    """Takes the docstring and our decorators off."""
    if ast.get_docstring(node, clean=False) is not None:
        node.body = node.body[1:]
    if not isinstance(node, ast.Module):
        node.decorator_list = [one for one in node.decorator_list if _decorator(one) not in _DISPATCH]


def _decorator(node: ast.expr) -> str | None:
    called = node.func if isinstance(node, ast.Call) else node
    return getattr(called, "attr", None) or getattr(called, "id", None)


def _node_text(node: Any) -> str:
    """As ``ast.dump``, but the same in every version of Python."""
    if isinstance(node, list):
        return f"[{','.join(map(_node_text, node))}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = [pair for pair in ast.iter_fields(node) if pair[0] not in _LAYOUT and pair[1] not in (None, [])]
    inside = ",".join(f"{name}={_node_text(value)}" for name, value in fields)
    return f"{type(node).__name__}({inside})"


def _compiled_text(code: types.CodeType) -> str:
    inner = [_compiled_text(one) if isinstance(one, types.CodeType) else repr(one) for one in code.co_consts]
    return f"{code.co_code.hex()} {code.co_names} {inner}"
