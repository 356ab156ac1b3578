"""Options that travel together: one value for the command, options of their own on the command line."""

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import Field, fields, is_dataclass
from inspect import Parameter
from typing import Any, TypeVar

T = TypeVar("T")


def grouped(command: Callable[..., T]) -> Callable[..., T]:
    """Shows typer the fields of each parameter that is a dataclass, and hands the command the dataclass."""
    signature = inspect.signature(command)
    groups: dict[str, Any] = {name: p.annotation for name, p in signature.parameters.items() if _is_group(p)}

    @functools.wraps(command)
    def call(**given: Any) -> T:
        for name, group in groups.items():
            given[name] = group(**{field.name: given.pop(field.name) for field in fields(group)})
        return command(**given)

    shown = list(_shown(signature.parameters))
    call.__signature__ = signature.replace(parameters=shown)  # type: ignore[attr-defined] # inspect reads it
    call.__annotations__ = {parameter.name: parameter.annotation for parameter in shown}
    return call


def _is_group(parameter: Parameter) -> bool:
    return isinstance(parameter.annotation, type) and is_dataclass(parameter.annotation)


def _shown(parameters: Mapping[str, Parameter]) -> Iterator[Parameter]:
    for parameter in parameters.values():
        if _is_group(parameter):
            yield from map(_option, fields(parameter.annotation))
        else:
            yield parameter


def _option(field: Field[Any]) -> Parameter:
    return Parameter(field.name, Parameter.KEYWORD_ONLY, default=field.default, annotation=field.type)
