"""The edits of a module: each replaces a part of its syntax tree by another that means something else."""

import ast
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Div: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
CALLS = {"min": "max", "max": "min", "any": "all", "all": "any", "sorted": "list", "reversed": "iter"}
#: The fields of statements in which edits are made.
EXPRESSIONS: dict[type[ast.stmt], tuple[str, ...]] = {
    ast.AnnAssign: ("value",),
    ast.Assign: ("value",),
    ast.AugAssign: ("value",),
    ast.Return: ("value",),
    ast.Expr: ("value",),
    ast.If: ("test",),
    ast.While: ("test",),
    ast.For: ("iter",),
    ast.Match: ("subject",),
}
#: Calls that only tell people or only let a test kill the process; and arguments that are texts for people.
UNTOUCHED_CALLS = {"reach", "debug", "info", "warning", "exception", "echo"}
UNTOUCHED_ARGUMENTS = {"description", "help", "stacklevel", "repr", "facts", "next_step", "strict"}


@dataclass(frozen=True)
class Edit:
    """A part of a module's tree and what replaces it."""

    function: str  # Empty where the part belongs to the module or to a class.
    lines: range  # Of the statement, without the statements inside it.
    line: int
    text: str  # The edit, as people read it.
    apply: Callable[[], None]


def edits(tree: ast.Module) -> Iterator[Edit]:
    """Yield all edits of a tree, always in the same order."""
    yield from _of_statements(tree, "body", "", is_function=False)


def edited(source: str, number: int) -> ast.Module:
    """Return the tree of a module with its edit of that number made."""
    tree = ast.parse(source)
    for place, edit in enumerate(edits(tree)):
        if place == number:
            edit.apply()
            return ast.fix_missing_locations(tree)
    raise IndexError(f"the module has no edit {number}")


def _of_statements(parent: ast.AST, field: str, name: str, *, is_function: bool) -> Iterator[Edit]:
    for index, statement in enumerate(getattr(parent, field)):
        function = name if is_function else ""
        is_definition = isinstance(statement, ast.FunctionDef | ast.ClassDef)
        for slot, child in _own_parts(statement):
            for text, apply in _of_part(slot, child):
                yield Edit(function, _lines(statement), getattr(child, "lineno", statement.lineno), text, apply)
        for text, apply in _of_statement(statement, getattr(parent, field), index, parent):
            yield Edit(function, _lines(statement), statement.lineno, text, apply)
        inner = f"{name}.{statement.name}".lstrip(".") if is_definition else name
        within = isinstance(statement, ast.FunctionDef) or (is_function and not is_definition)
        if not _is_for_types_only(statement):
            for block, inside in _blocks(statement):
                yield from _of_statements(block, inside, inner, is_function=within)


def _lines(statement: ast.stmt) -> range:
    inside = [child.lineno for block, field in _blocks(statement) for child in getattr(block, field)]
    return range(statement.lineno, max(min(inside, default=(statement.end_lineno or 0) + 1), statement.lineno + 1))


def _blocks(statement: ast.AST) -> Iterator[tuple[ast.AST, str]]:
    """Yield where the statements inside a statement stand."""
    for field in ("body", "orelse", "finalbody"):
        if getattr(statement, field, None):
            yield statement, field
    for part in [*getattr(statement, "handlers", []), *getattr(statement, "cases", [])]:
        yield part, "body"


def _is_for_types_only(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.If) and ast.unparse(statement.test) == "TYPE_CHECKING"


Slot = Callable[[ast.AST], None]


def _slot(parent: ast.AST, field: str, index: int | None = None) -> Slot:
    def put(new: ast.AST) -> None:
        if index is None:
            setattr(parent, field, new)
        else:
            getattr(parent, field)[index] = new

    return put


def _children(node: ast.AST, fields: tuple[str, ...] | None = None) -> Iterator[tuple[Slot, ast.AST]]:
    for field in node._fields if fields is None else fields:
        value = getattr(node, field, None)
        if isinstance(value, ast.AST):
            yield _slot(node, field), value
        elif isinstance(value, list):
            yield from (
                (_slot(node, field, index), part) for index, part in enumerate(value) if isinstance(part, ast.AST)
            )


def _own_parts(statement: ast.stmt) -> Iterator[tuple[Slot, ast.AST]]:
    """Yield the expressions of a statement, without annotations, decorators and what an error tells."""
    if not _is_for_types_only(statement) and not _is_untouched(statement):
        yield from _children(statement, EXPRESSIONS.get(type(statement), ()))
    if isinstance(statement, ast.FunctionDef):
        yield from _children(statement.args, ("defaults", "kw_defaults"))
    for item in getattr(statement, "items", []):
        yield from _children(item, ("context_expr",))
    for case in getattr(statement, "cases", []):
        yield from _children(case, ("guard",))


def _is_untouched(statement: ast.stmt) -> bool:
    called = statement.value.func if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call) else None
    return getattr(called, "attr", getattr(called, "id", "")) in UNTOUCHED_CALLS


def _of_statement(
    statement: ast.stmt, body: list[ast.stmt], index: int, parent: ast.AST
) -> Iterator[tuple[str, Callable[[], None]]]:
    new: ast.stmt | None = None
    match statement:
        case ast.Expr(value=ast.Call()) if not _is_untouched(statement):
            new = ast.Pass()
        case ast.Raise() if not isinstance(parent, ast.If):
            new = ast.Pass()
        case ast.Break():
            new = ast.Continue()
        case ast.Continue():
            new = ast.Break()
    if new:
        yield f"{_short(statement)} ▸ {_short(new)}", lambda: body.__setitem__(index, new)
    if isinstance(statement, ast.If) and not _is_for_types_only(statement):
        for value in (False, True):
            test = ast.Constant(value)
            yield f"if {_short(statement.test)} ▸ if {value}", lambda test=test: setattr(statement, "test", test)
    for handler in getattr(statement, "handlers", []):
        if not isinstance(handler.body[0], ast.Raise):
            again = [ast.Raise()]
            yield (
                f"except {_short(handler.type)} ▸ raise",
                lambda handler=handler, again=again: setattr(handler, "body", again),
            )


def _of_part(put: Slot, node: ast.AST) -> Iterator[tuple[str, Callable[[], None]]]:
    """Yield the edits of an expression and of all inside it."""
    plain = [node.operand] if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not) else []
    for new in [*plain, *_alternatives(node)]:
        yield f"{_short(node)} ▸ {_short(new)}", lambda new=new: put(new)
    if isinstance(node, ast.JoinedStr):
        return
    for slot, child in _children(node):
        if isinstance(child, ast.keyword) and child.arg in UNTOUCHED_ARGUMENTS:
            continue
        if isinstance(node, ast.Call) and isinstance(child, ast.keyword) and child.arg:
            yield f"{_short(child)} ▸ nothing", lambda child=child: node.keywords.remove(child)
        yield from _of_part(slot, child)


def _short(node: ast.AST | None) -> str:
    text = " ".join(ast.unparse(node).split()) if node else ""
    return text if len(text) <= 100 else f"{text[:100]}…"


def _alternatives(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what may stand in the place of an expression and means something else."""
    match node:
        case ast.Compare():
            for index, operator in enumerate(node.ops):
                yield _with(node, ops=[*node.ops[:index], COMPARISONS[type(operator)](), *node.ops[index + 1 :]])
        case ast.BoolOp():
            yield _with(node, op=ast.Or() if isinstance(node.op, ast.And) else ast.And())
            yield from (_without(node, index) for index in range(len(node.values)))
        case ast.BinOp() if type(node.op) in ARITHMETIC and not _is_text(node.left) and not _is_text(node.right):
            yield _with(node, op=ARITHMETIC[type(node.op)]())
        case ast.Constant(value=bool() | int() | float()):
            yield ast.Constant(not node.value if isinstance(node.value, bool) else node.value + 1)
        case ast.IfExp():
            yield from (node.body, node.orelse)
        case ast.comprehension():
            yield from (_with(node, ifs=node.ifs[:index] + node.ifs[index + 1 :]) for index in range(len(node.ifs)))
        case ast.Subscript() if (end := ast.unparse(node.slice)) in {"0", "-1"}:
            yield _with(node, slice=ast.Constant(-1 if end == "0" else 0))
        case ast.Call(func=ast.Name(id=name)) if name in CALLS:
            keywords = [] if name == "sorted" else node.keywords
            yield _with(node, func=ast.Name(CALLS[name], ast.Load()), keywords=keywords)


def _without(node: ast.BoolOp, index: int) -> ast.expr:
    values = node.values[:index] + node.values[index + 1 :]
    return values[0] if len(values) == 1 else _with(node, values=values)


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def _with(node: Any, **fields: object) -> Any:  # noqa: ANN401
    changed = copy.copy(node)
    for name, value in fields.items():
        setattr(changed, name, value)
    return changed
