"""The decorator by which a function or class becomes a component, and what it declares.

A declaration is read when project.yaml is: it must cost no time, so a module with components imports numpy, torch,
scikit-learn and the like inside of its functions alone.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from include.components.errors import ComponentError
from include.components.types import ItemsType, Type, type_of
from include.projects.parts import NAME

if TYPE_CHECKING:
    from include.projects import Project

Kind = Literal["preprocess", "train", "ensemble", "postprocess", "measure"]
KINDS: tuple[str, ...] = get_args(Kind)
SCALARS = (int, float, bool, str)
Body = TypeVar("Body", bound=Callable[..., Any])


@dataclass(frozen=True)
class Context:
    """What a component may ask for by a parameter ``context: Context``.

    Attributes:
        project: whose workflow it is.
        seed: of everything random.
        say: takes one line for the log.
    """

    project: Project
    seed: int
    say: Callable[[str], None] = print


@dataclass(frozen=True)
class Input:
    """One input: its type, whether it is a list of such, and whether it may be left out."""

    type: Type
    many: bool = False
    optional: bool = False

    def __str__(self) -> str:
        return f"list of {self.type}" if self.many else str(self.type)


@dataclass(frozen=True)
class Component:
    """What a component declares.

    Attributes:
        name: lower-case letters, digits and underscores.
        version: counted from 1; None for one that is local to a project.
        kind: what it is for.
        body: the function or class.
        inputs: by name.
        outputs: by name.
        params: a pydantic model of the parameters.
        takes_context: it has a parameter ``context``.
        about: the first line of its docstring.
    """

    name: str
    version: int | None
    kind: Kind
    body: Callable[..., Any] = field(repr=False)
    inputs: Mapping[str, Input]
    outputs: Mapping[str, Type]
    params: type[BaseModel] = field(repr=False)
    takes_context: bool
    about: str

    @property
    def use(self) -> str:
        """Return how project.yaml names it."""
        return f"{self.name}@{self.version}" if self.version is not None else f"{self._module}:{self.name}"

    @property
    def _module(self) -> str:
        return self.body.__module__.rpartition(".")[2]

    def checked(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters with defaults, as JSON values.

        Raises:
            ValidationError: one is missing, unknown or out of range.
        """
        return self.params(**params).model_dump(mode="json")


def component(*, name: str, kind: Kind, outputs: Mapping[str, Any], version: int | None = None) -> Callable[[Body], Body]:
    """Make a function or class a component.

    Inputs are the arguments whose annotation is one of `include.components.types`, or a list of one; the argument
    ``context: Context`` gets the context; every other one is a parameter, a scalar or list, whose range
    ``Annotated[int, Field(ge=1)]`` gives. A class takes its parameters in ``__init__`` and its inputs in ``__call__``.
    It returns a dict with the declared outputs, or the value itself where there is one.

    Args:
        name: of the component; with a version it is how projects find it.
        kind: what it is for.
        outputs: types by name.
        version: of a shared component, counted from 1; what is local to a project has none.

    Raises:
        ComponentError: the declaration is wrong; every problem is named.
    """

    def mark(body: Body) -> Body:
        body.__component__ = declaration(body, name, version, kind, outputs)  # type: ignore[attr-defined]
        return body

    return mark


def declaration(body: Any, name: str, version: int | None, kind: Any, outputs: Mapping[str, Any]) -> Component:
    """Return what a function or class declares."""
    where = f"component {name!r} ({body.__module__}:{body.__qualname__})"
    problems: list[str] = []
    if not NAME.match(name):
        problems.append("name must be 2 to 41 lower-case letters, digits or underscores, a letter first")
    if version is not None and (not isinstance(version, int) or isinstance(version, bool) or version < 1):
        problems.append(f"version must be a whole number from 1, not {version!r}")
    if kind not in KINDS:
        problems.append(f"kind must be one of {', '.join(KINDS)}, not {kind!r}")
    if not inspect.isclass(body) and body.__qualname__ != body.__name__:
        problems.append("it must stand at the top of its module")
    found = {key: type_of(one) for key, one in outputs.items()}
    problems += [f"output {key}: {outputs[key]!r} is no type of a component" for key, one in found.items() if one is None]
    problems += [f"output {key}: Items are of inputs alone" for key, one in found.items() if isinstance(one, ItemsType)]
    problems += [f"output {key!r}: take lower-case letters, digits and underscores" for key in outputs if not NAME.match(key)]
    if not outputs:
        problems.append("it has no outputs")
    inputs: dict[str, Input] = {}
    fields: dict[str, Any] = {}
    takes_context = False
    for argument in _arguments(body, problems):
        what, said = _read(argument)
        if isinstance(said, str):
            problems.append(f"argument {argument.name}: {said}")
        elif what == "context":
            takes_context = True
        elif what == "input":
            inputs[argument.name] = said
        else:
            fields[argument.name] = said
    if problems:
        raise ComponentError(f"{where}: {'; '.join(problems)}")
    params = create_model(f"{name}_params", __config__=ConfigDict(extra="forbid", frozen=True, protected_namespaces=()), **fields)
    known = {key: one for key, one in found.items() if one is not None}
    about = (inspect.getdoc(body) or "").partition("\n")[0]
    return Component(name, version, kind, body, inputs, known, params, takes_context, about)


@dataclass(frozen=True)
class _Argument:
    name: str
    annotation: Any
    default: Any


def _arguments(body: Any, problems: list[str]) -> list[_Argument]:
    functions = [body.__init__, body.__call__] if inspect.isclass(body) else [body]
    found = []
    for function in functions:
        if function is object.__init__:
            continue
        try:
            hints = get_type_hints(function, include_extras=True)
        except (NameError, TypeError) as cause:
            problems.append(f"its annotations cannot be read ({cause}): name types that exist when the module is imported")
            continue
        for argument in list(inspect.signature(function).parameters.values())[1 if inspect.isclass(body) else 0 :]:
            if argument.kind in (argument.VAR_POSITIONAL, argument.VAR_KEYWORD, argument.POSITIONAL_ONLY):
                problems.append(f"argument {argument.name}: *args, **kwargs and positional ones cannot be connected by name")
            elif argument.name not in hints:
                problems.append(f"argument {argument.name}: has no annotation")
            else:
                found.append(_Argument(argument.name, hints[argument.name], argument.default))
    return found


def _read(argument: _Argument) -> tuple[str, Any]:
    """Return what an argument is (context, input, param) and what it declares, or what is wrong with it as text."""
    annotation, default = argument.annotation, argument.default
    if annotation is Context:
        return "context", None
    options = [one for one in get_args(annotation) if one is not type(None)]
    plain = options[0] if get_origin(annotation) in (Union, types.UnionType) and len(options) == 1 else annotation
    inner = get_args(plain)[0] if get_origin(plain) is list and get_args(plain) else None
    if found := type_of(plain) or (type_of(inner) if inner else None):
        if default not in (inspect.Parameter.empty, None):
            return "input", "an input has no default but None"
        return "input", Input(found, many=inner is not None, optional=default is None)
    if not _scalar(annotation):
        return "param", f"{annotation} is neither a type of a component nor a scalar, Literal or list of such"
    return "param", (annotation, ... if default is inspect.Parameter.empty else default)


def _scalar(annotation: Any) -> bool:
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _scalar(inner[0])
    if origin in (Union, types.UnionType):
        return all(one is type(None) or _scalar(one) for one in inner)
    if origin is Literal:
        return True
    if origin is list:
        return bool(inner) and _scalar(inner[0])
    return annotation in SCALARS


def component_of(body: Any) -> Component | None:
    """Return what a function or class declares as a component; None where it is none."""
    found = getattr(body, "__component__", None)
    return found if isinstance(found, Component) else None


def param_problems(one: Component, params: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what is wrong with parameters: the name of each and what would be right."""
    try:
        one.params(**params)
    except ValidationError as cause:
        known = ", ".join(one.params.model_fields) or "none"
        return [
            (
                ".".join(str(part) for part in error["loc"]),
                f"there is no such parameter; there are {known}"
                if error["type"] == "extra_forbidden"
                else f"{error['msg']}" + ("" if error["type"] == "missing" else f", not {error['input']!r}"),
            )
            for error in cause.errors()
        ]
    return []
