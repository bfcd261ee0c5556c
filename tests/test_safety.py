"""What our packages never do: run what they read, or write values into a statement of SQL."""

import ast
import importlib
import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
PACKAGES = ("data_contracts", "features", "models", "pipelines", "serving")
MODULES = {
    path.relative_to(ROOT).as_posix(): path
    for package in PACKAGES
    for path in sorted((ROOT / package).rglob("*.py"))
}

# Modules that can run code hidden in what they load.
LOADERS = {
    "cloudpickle", "cPickle", "dill", "joblib", "jsonpickle", "marshal", "pickle", "shelve",
    "skops", "torch",
}  # fmt: skip
LOADERS_ALLOWED = {
    # Keeps what it looked up of each chunk between two windows, in a temporary folder that only
    # this process can enter, and that goes with it; nothing that others wrote is ever opened.
    "pipelines/model_vectors.py": {"pickle"},
}
CALLS = {"eval", "exec", "compile", "__import__", "execfile"}
METHODS = {
    "full_load", "full_load_all", "load_all", "unsafe_load", "unsafe_load_all",  # of yaml
    "load_model", "read_pickle", "to_pickle", "set_allow_pickle", "mktemp", "system", "popen",
}  # fmt: skip
OPTIONS = {"allow_pickle": False, "shell": False, "verify": True}

SQL = re.compile(
    r"\s*\(?(ALTER|ATTACH|CALL|COPY|CREATE|DELETE|DETACH|DROP|EXPLAIN|GRANT|INSERT|PRAGMA|REPLACE"
    r"|SELECT|TRUNCATE|UPDATE|VACUUM|WITH)\s"
)


def faults(tree, name):
    """Lines of a module that do what none should."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            for module in imported(node) & LOADERS - LOADERS_ALLOWED.get(name, set()):
                yield f"{name}:{node.lineno} imports {module}"
        elif isinstance(node, ast.Call):
            yield from (f"{name}:{node.lineno} {what}" for what in call_faults(node, tree, name))
    for node, parts in statements(tree):
        for part in parts:
            if not constant(part, node, tree):
                yield f"{name}:{node.lineno} puts {ast.unparse(part)} into SQL"


def imported(node):
    if isinstance(node, ast.Import):
        return {alias.name.partition(".")[0] for alias in node.names}
    return {(node.module or "").partition(".")[0]}


def call_faults(call, tree, name):
    function = call.func
    if isinstance(function, ast.Name) and function.id in CALLS:
        yield f"calls {function.id}"
    if isinstance(function, ast.Attribute):
        of_module = isinstance(function.value, ast.Name)
        if function.attr in METHODS and of_module and function.value.id not in ("self", "cls"):
            yield f"calls {function.attr}"
        if ast.unparse(function) == "yaml.load" and not safe_loader(call, name):
            yield "calls yaml.load without a safe loader"
    for option in call.keywords:
        wanted = OPTIONS.get(option.arg)
        if wanted is not None and not (
            isinstance(option.value, ast.Constant) and option.value.value is wanted
        ):
            yield f"sets {option.arg}={ast.unparse(option.value)}"


def safe_loader(call, name):
    """Whether the loader it names makes plain data only."""
    named = [each.value for each in call.keywords if each.arg == "Loader"]
    loader = [*call.args[1:2], *named, None][0]
    if not isinstance(loader, ast.Name):
        return False
    module = importlib.import_module(name.removesuffix(".py").replace("/", "."))
    safe = (yaml.SafeLoader, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return issubclass(getattr(module, loader.id), safe)


def statements(tree):
    """SQL that is put together, each with the parts that are not literal text."""
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            text = "".join(
                part.value if isinstance(part, ast.Constant) else "?" for part in node.values
            )
            if SQL.match(text):
                yield (
                    node,
                    [p.value for p in node.values if isinstance(p, ast.FormattedValue)],
                )
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod | ast.Add):
            first, *others = operands(node)
            if is_sql(first) and not all(isinstance(each, ast.Constant) for each in others):
                yield node, [each for each in others if not isinstance(each, ast.Constant)]
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in ("format", "format_map")
            and is_sql(node.func.value)
        ):
            yield node, [*node.args, *(each.value for each in node.keywords)]


def operands(node):
    if isinstance(node, ast.BinOp):
        return [*operands(node.left), *operands(node.right)]
    return [node]


def is_sql(node):
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and SQL.match(node.value)


def constant(part, node, tree):
    """Whether what is put into a statement is a text of the program, whatever it is asked."""
    if isinstance(part, ast.Constant):
        return True
    if isinstance(part, ast.IfExp):
        return constant(part.body, node, tree) and constant(part.orelse, node, tree)
    if isinstance(part, ast.Call):  # "?, ?, ?": as many marks as there are values
        joins = isinstance(part.func, ast.Attribute) and part.func.attr == "join"
        return joins and isinstance(part.args[0], ast.BinOp) and marks(part.args[0])
    if not isinstance(part, ast.Name):
        return False
    if part.id.isupper():
        return True
    function = function_around(node, tree)
    if function is None:
        return False
    values = [
        (each.value, node)
        for each in ast.walk(function)
        if isinstance(each, ast.Assign)
        and any(isinstance(t, ast.Name) and t.id == part.id for t in each.targets)
    ]
    names = [each.arg for each in function.args.args]
    if part.id in names:
        values += handed_over(tree, function.name, names.index(part.id), names)
    return bool(values) and all(constant(value, place, tree) for value, place in values)


def marks(product):
    left = product.left
    return isinstance(product.op, ast.Mult) and isinstance(left, ast.Constant) and left.value == "?"


def function_around(node, tree):
    within = [
        each
        for each in ast.walk(tree)
        if isinstance(each, ast.FunctionDef) and any(inner is node for inner in ast.walk(each))
    ]
    return within[-1] if within else None


UNKNOWN = ast.Name("unknown")


def handed_over(tree, function, place, names):
    """What a module's calls of one of its private functions give for an argument."""
    if not function.startswith("_"):
        return [(UNKNOWN, None)]
    offset = 1 if names[:1] == ["self"] else 0
    given = []
    for call in ast.walk(tree):
        called = getattr(call, "func", None)
        if isinstance(call, ast.Call) and function in (
            getattr(called, "attr", None),
            getattr(called, "id", None),
        ):
            values = call.args[place - offset : place - offset + 1] or [UNKNOWN]
            given += [(value, call) for value in values]
    return given


def test_nothing_that_is_read_is_run_and_no_value_is_written_into_sql():
    wrong = [
        fault
        for name, path in MODULES.items()
        for fault in faults(ast.parse(path.read_text("utf-8")), name)
    ]
    assert not wrong, "\n".join(wrong)


def test_every_exception_is_still_needed():
    for name, modules in LOADERS_ALLOWED.items():
        tree = ast.parse(MODULES[name].read_text("utf-8"))
        used = set().union(
            *(imported(n) for n in ast.walk(tree) if isinstance(n, ast.Import | ast.ImportFrom))
        )
        assert modules <= used


@pytest.mark.parametrize(
    "code",
    [
        "import pickle",
        "from joblib import load",
        "import torch.nn",
        "eval(text)",
        "exec(text)",
        "yaml.load(text)",
        "yaml.load(text, Loader=yaml.Loader)",
        "yaml.unsafe_load(text)",
        "np.load(file, allow_pickle=True)",
        "np.load(file, allow_pickle=wanted)",
        "pd.read_pickle(file)",
        "mlflow.pyfunc.x; sklearn.load_model(uri)",
        "subprocess.run(text, shell=True)",
        "httpx.get(url, verify=False)",
        "os.system(text)",
        "db.execute(f'SELECT a FROM t WHERE b = {b}')",
        "db.execute(f'SELECT a FROM {self.table}')",
        "db.execute('SELECT a FROM t WHERE b = ' + b)",
        "db.execute('SELECT a FROM t WHERE b = %s' % b)",
        "db.execute('DELETE FROM t WHERE b = {}'.format(b))",
        "def f(where):\n    db.execute(f'SELECT a FROM t WHERE {where}')\nf('x')",
        "def _f(where):\n    db.execute(f'SELECT a FROM t WHERE {where}')\n_f('x')\n_f(b)",
        "def f(b):\n    c = b\n    db.execute(f'SELECT a FROM t WHERE {c}')",
    ],
)
def test_what_none_should_do_is_found(code):
    assert list(faults(ast.parse(code), "features/settings.py"))


@pytest.mark.parametrize(
    "code",
    [
        "yaml.safe_load(text)",
        "np.load(file, allow_pickle=False)",
        "db.execute('SELECT a FROM t WHERE b = ?', (b,))",
        "db.execute(f'SELECT {COLUMNS} FROM t WHERE b = ?', (b,))",
        'db.execute(f\'PRAGMA synchronous={"FULL" if b else "OFF"}\')',
        "def f(b):\n  c = ', '.join('?' * len(b))\n  db.execute(f'SELECT a WHERE b IN ({c})', b)",
        "def _f(where):\n    db.execute(f'SELECT a FROM t WHERE {where}')\n_f('x')",
        "message = f'Select {size} for {person}'",
    ],
)
def test_what_is_safe_is_left_alone(code):
    assert not list(faults(ast.parse(code), "features/settings.py"))
