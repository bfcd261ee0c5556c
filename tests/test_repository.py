"""What holds for the repository as a whole."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = {
    # package: what it may import of ours
    "data_contracts": set(),
    "features": {"data_contracts"},
    "models": {"data_contracts", "features"},
    "pipelines": {"data_contracts", "features", "models"},
    "serving": {"data_contracts", "features", "models"},
}
MODULES = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
CONFIGURATION = [
    "requirements.lock", "pyproject.toml", "Makefile", ".ci/run", ".ci/audit.lock", ".ci/audit.py"
]  # fmt: skip
REGISTRY_CLIENT = "serving/champion.py"  # its child process, before the service starts


def imports(path):
    """Top-level names a module imports; relative imports are of its own package."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module.partition(".")[0]


def name_of(path):
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("package", PACKAGES)
def test_arrows_point_one_way(package):
    wrong = {
        f"{name_of(path)} imports {name}"
        for path in MODULES
        if name_of(path).startswith(f"{package}/")
        for name in imports(path)
        if name in PACKAGES and name not in PACKAGES[package] | {package}
    }
    assert not wrong


def test_the_service_imports_neither_training_code_nor_great_expectations():
    heavy = {"mlflow", "great_expectations", "optuna", "matplotlib"}
    wrong = {
        f"{name_of(path)} imports {name}"
        for path in MODULES
        if name_of(path).startswith("serving/") and name_of(path) != REGISTRY_CLIENT
        for name in imports(path)
        if name in heavy
    }
    assert not wrong


def test_every_module_says_what_it_is():
    silent = [name_of(p) for p in MODULES if not ast.get_docstring(ast.parse(p.read_text("utf-8")))]
    assert not silent


@pytest.mark.parametrize("name", CONFIGURATION)
def test_no_index_is_named(name):
    """Where packages come from is the business of the machine that installs them."""
    text = (ROOT / name).read_text("utf-8")
    assert "://" not in text
    assert not re.search(r"--(extra-)?index-url|--find-links|--trusted-host", text)


def dependencies():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = [each for group in project["optional-dependencies"].values() for each in group]
    own = f"{project['name']}["  # an extra that takes in others of ours
    return [*project["dependencies"], *(each for each in extras if not each.startswith(own))]


def test_every_dependency_has_a_floor_and_a_reason():
    lines = (ROOT / "pyproject.toml").read_text("utf-8").splitlines()
    for requirement in dependencies():
        assert ">=" in requirement
        (line,) = [line for line in lines if line.strip().startswith(f'"{requirement}"')]
        assert re.search(r", +# \S+", line), f"{requirement} has no reason"


def test_the_lock_pins_every_dependency_with_hashes():
    lock = (ROOT / "requirements.lock").read_text("utf-8")
    pinned = re.findall(r"^([a-z0-9._-]+)==\S+", lock, re.MULTILINE)
    for requirement in dependencies():
        name = re.split(r"[><=; \[]", requirement)[0].lower()
        assert name in pinned
    entries = re.split(r"\n(?=[a-z0-9])", lock[lock.index(pinned[0]) :])
    assert all("--hash=sha256:" in entry for entry in entries)
    assert len(entries) == len(pinned)


def test_the_licence_is_whole_and_unmodified():
    import hashlib

    text = (ROOT / "LICENSE").read_bytes().strip()
    assert b"Copyright [yyyy] [name of copyright owner]" in text
    assert len(text.splitlines()) == 201
    assert (
        hashlib.sha256(text).hexdigest()
        == "771e6c9f11721b0937412fe85df813fd2c1ff089a033d3a168f3c1609421ca08"
    )


def test_an_installed_package_holds_every_module_and_data_file(monkeypatch):
    from setuptools.dist import Distribution

    monkeypatch.chdir(ROOT)
    distribution = Distribution({"script_name": "setup.py"})
    distribution.parse_config_files(["pyproject.toml"])
    build = distribution.get_command_obj("build_py")
    build.ensure_finalized()
    build.manifest_files = {}  # only what is declared; a folder once built has more
    installed = {Path(path) for _, _, path in build.find_all_modules()}
    for package in build.packages:
        found = build.find_data_files(package, build.get_package_dir(package))
        installed |= {Path(path) for path in found}
    kept = {
        path.relative_to(ROOT)
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix not in {".mo", ".pot"}
    }
    assert {".yaml", ".tsv", ".po", ".json", ".py"} <= {path.suffix for path in kept}
    lost = sorted(path.as_posix() for path in kept - installed)
    assert not lost
