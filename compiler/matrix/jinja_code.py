"""Generate code for templates that asks the sandbox before it computes."""

from collections.abc import Iterable
from typing import Any

from jinja2 import Environment, nodes
from jinja2.compiler import CodeGenerator, Frame


class Generator(CodeGenerator):
    """Generates code that asks the environment before texts and lists are made."""

    def visit_Concat(self, node: nodes.Concat, frame: Frame) -> None:  # noqa: N802 - Jinja's
        """Write `a ~ b`."""
        self._write_call("environment.concatenate", node.nodes, frame)

    def visit_Getitem(self, node: nodes.Getitem, frame: Frame) -> None:  # noqa: N802 - Jinja's
        """Write `a[b]` or `a[b:c]`."""
        if isinstance(node.arg, nodes.Slice):
            cut = node.arg
            self._write_call("environment.cut", [node.node, cut.start, cut.stop, cut.step], frame)
        else:
            super().visit_Getitem(node, frame)

    def visit_Compare(self, node: nodes.Compare, frame: Frame) -> None:  # noqa: N802 - Jinja's
        """Write `a == b`, or a chain such as `a < b < c`, whose operands are evaluated lazily."""
        is_chain = len(node.ops) > 1
        self.write(f"environment.compare{'_chain' if is_chain else ''}(")
        self.visit(node.expr, frame)
        for operand in node.ops:
            self.write(f", {operand.op!r}, {'lambda: ' if is_chain else ''}")
            self.visit(operand.expr, frame)
        names = tuple(map(_name, (node.expr, *(operand.expr for operand in node.ops))))
        self.write(f", names={names!r})")

    def visit_Dict(self, node: nodes.Dict, frame: Frame) -> None:  # noqa: N802 - Jinja's
        """Write `{a: b}`."""
        self.write("{")
        for item in node.items:
            if isinstance(item.key, nodes.Const):
                self.visit(item.key, frame)
            else:
                self._write_call("environment.key", [item.key], frame)
            self.write(": ")
            self.visit(item.value, frame)
            self.write(", ")
        self.write("}")

    def _write_call(
        self, function: str, arguments: Iterable[nodes.Expr | None], frame: Frame
    ) -> None:
        self.write(f"{function}(")
        for argument in arguments:
            if argument is None:
                self.write("None")
            else:
                self.visit(argument, frame)
            self.write(", ")
        self.write(")")


def _name(node: nodes.Expr) -> str | None:
    """Return the name that an expression is; empty for a constant, None for another expression."""
    if isinstance(node, nodes.Name):
        return node.name
    return "" if isinstance(node, nodes.Const) else None


_CALL = 1000
"""Characters that a macro, a block or an included template counts as: calls of each other end
after about a second."""


def meter_steps(tree: nodes.Template, environment: Environment) -> None:
    """Let each pass of a loop, macro, block and template count itself, with its size."""
    counted_nodes = (nodes.For, nodes.Macro, nodes.CallBlock, nodes.Block)
    metered: list[Any] = [tree, *tree.find_all(counted_nodes)]
    for node in metered:
        weight = 8 * sum(1 for statement in node.body for _ in statement.find_all(nodes.Node))
        if isinstance(node, nodes.For) and node.test is not None:
            # Items that it excludes never reach the body.
            counted = nodes.EnvironmentAttribute("meter.counted", lineno=node.lineno)
            node.iter = nodes.Call(counted, [node.iter], [], None, None, lineno=node.lineno)
        weight += 0 if isinstance(node, nodes.For) else _CALL
        step = nodes.EnvironmentAttribute(f"meter.step({weight})", lineno=node.lineno)
        node.body.insert(0, nodes.ExprStmt(step, lineno=node.lineno))
    tree.set_environment(environment)
