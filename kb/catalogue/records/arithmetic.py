"""Equations written in disputes, checked: a sum that does not hold does not load."""

import ast
import operator
import re
from collections.abc import Callable

_OPERATORS: dict[type[ast.AST], Callable[..., float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
    ast.USub: operator.neg,
}


def _evaluate(node: ast.AST) -> float:
    match node:
        case ast.Expression(body=body):
            return _evaluate(body)
        case ast.Constant(value=int() | float() as value):
            return float(value)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            return _OPERATORS[type(op)](_evaluate(left), _evaluate(right))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_evaluate(operand)
    raise ValueError(f"only numbers and + - * / ** ( ) are arithmetic, not {ast.unparse(node)!r}")


def evaluate(expression: str) -> float:
    """
    >>> evaluate("2 * (3 + 4) / 7")
    2.0
    """
    plain = expression.replace("×", "*").replace("÷", "/").replace("−", "-").replace("^", "**").replace(",", "")
    return _evaluate(ast.parse(plain.strip(), mode="eval"))


def check_equation(equation: str) -> None:
    """Raise ``ValueError`` unless ``expression = result`` holds to the digits that the result is printed with.

    >>> check_equation("70.55e9 * 4.82 / 8 / 1e9 = 42.5")
    >>> check_equation("1792 / 42.5 = 45")
    Traceback (most recent call last):
    ValueError: '1792 / 42.5 = 45' does not hold: the left side is 42.1647
    """
    left, equals, right = equation.partition("=")
    result = re.fullmatch(r"\s*(-?[\d,]*\.?\d+(?:[eE][+-]?\d+)?)\s*", right)
    if not equals or not result:
        raise ValueError(f"{equation!r} is not of the form 'expression = number'")
    printed = result[1].replace(",", "")
    mantissa, _, exponent = printed.lower().partition("e")
    decimals = len(mantissa.partition(".")[2])
    half_unit = 0.5 * 10 ** (int(exponent or 0) - decimals)
    value = evaluate(left)
    if abs(value - float(printed)) > half_unit * 1.0001:
        raise ValueError(f"{equation!r} does not hold: the left side is {value:g}")
