"""The package as others get it: what it needs is written down, and its wheel works by itself."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from hcc_xai.errors import BundleError
from hcc_xai.imaging import draw
from hcc_xai.model import bundle
from hcc_xai.phantoms.phantom import make, random_spec

TOP = Path(__file__).parents[1]
PROJECT = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))["project"]
# Comes with a declared one that is of no use without it, or is there on a Space alone.
NOT_DECLARED = {"starlette", "spaces"}
STATIC = "page/static/probe"
LOADS = """
import hcc_xai
from hcc_xai.cli.main import main
print(hcc_xai.__file__)
print(hcc_xai.load().of("liver-ultrasound").bundle.path)
print(main(["publish", "--space", "owner/name"]))
"""


def name_of(line: str) -> str:
    """The name of a distribution in a line such as `gradio>=6.30,<7`, as the index writes it."""
    return line.split(">")[0].lower().replace("_", "-")


def imports_of(path: Path) -> set[str]:
    """The top-level packages that a file imports, wherever it does."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.split(".")[0])
    return names - set(sys.stdlib_module_names) - {"hcc_xai"}


def test_requirements_are_the_dependencies_and_every_extra() -> None:
    lines = (TOP / "requirements.txt").read_text(encoding="utf-8").splitlines()
    required = [line for line in lines if line and not line.startswith("#")]
    extras = PROJECT["optional-dependencies"]
    declared = [*PROJECT["dependencies"], *(line for lines in extras.values() for line in lines)]
    assert len(required) == len(set(required)) and sorted(required) == sorted(declared)


def test_what_the_package_imports_is_declared_where_it_is_needed() -> None:
    extras = PROJECT["optional-dependencies"]
    base = {name_of(line) for line in PROJECT["dependencies"]}
    page = base | {name_of(line) for line in extras["page"]}
    training = base | {name_of(line) for line in extras["train"]}
    homes = packages_distributions()
    package = TOP / "hcc_xai"
    for path in [*package.rglob("*.py"), TOP / "app.py"]:
        parts = path.relative_to(TOP).parts
        allowed = page if "page" in parts or path.name == "app.py" else base
        allowed = training if "training" in parts else allowed
        for name in imports_of(path) - NOT_DECLARED:
            assert {name_of(home) for home in homes[name]} & allowed, f"{path}: {name}"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of a copy of this checkout; a page's style and script are added."""
    copy = tmp_path_factory.mktemp("wheel") / "copy"
    skipped = shutil.ignore_patterns("__pycache__")
    for name in ("hcc_xai", "weights"):
        shutil.copytree(TOP / name, copy / name, ignore=skipped)
    for name in ("pyproject.toml", "setup.py", "LICENSE"):
        shutil.copy(TOP / name, copy)
    for ending in ("css", "js"):
        probe = copy / "hcc_xai" / f"{STATIC}.{ending}"
        probe.parent.mkdir(exist_ok=True)
        probe.write_text("")
    pip = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, str(copy), "-w", str(copy.parent)], check=True, cwd=copy.parent)
    (path,) = copy.parent.glob("*.whl")
    return path


def test_the_wheel_holds_the_package_and_the_bundle_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
        more = {Path(name).name for name in archive.namelist() if ".dist-info/" in name}
    files = [path for path in (TOP / "hcc_xai").rglob("*") if path.is_file()]
    package = {p.relative_to(TOP).as_posix() for p in files if "__pycache__" not in p.parts}
    shipped = [path for path in (TOP / "weights").glob("*/*") if path.is_file()]
    weights = {f"hcc_xai/{path.relative_to(TOP).as_posix()}" for path in shipped}
    assert "hcc_xai/py.typed" in names and "LICENSE" in more
    assert names == package | weights | {f"hcc_xai/{STATIC}.css", f"hcc_xai/{STATIC}.js"}


def test_the_wheel_works_outside_the_checkout(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(site)]
    subprocess.run([*pip, str(wheel)], check=True, cwd=tmp_path)
    (tmp_path / "scan.png").write_bytes(draw.png(make(random_spec(3)).pixels))
    environment = {k: v for k, v in os.environ.items() if not k.startswith("HCC_XAI_")}
    environment["PYTHONPATH"] = str(site)

    def run(*command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True
        )

    loaded = run(sys.executable, "-c", LOADS)
    assert loaded.stdout.splitlines() == [
        str(site / "hcc_xai" / "__init__.py"),
        str(site / "hcc_xai" / "weights" / "liver-us"),
        "2",
    ], loaded.stderr
    assert loaded.stderr.count("\n") == 1 and "checkout of the project" in loaded.stderr
    answered = run(
        *(sys.executable, "-m", "hcc_xai", "analyze", "scan.png", "--out", "out", "--accept")
    )
    assert answered.returncode in (0, 1), answered.stderr
    assert answered.stdout.startswith("scan.png: ") and (tmp_path / "out" / "scan.json").is_file()
    assert "analyze" in run(str(site / "bin" / "hcc-xai"), "--help").stdout


def test_without_a_bundle_it_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HCC_XAI_MODEL", raising=False)
    monkeypatch.setattr(bundle, "__file__", str(tmp_path / "hcc_xai" / "model" / "bundle.py"))
    with pytest.raises(BundleError, match="owner/name on the Hugging Face Hub") as raised:
        bundle.default_model()
    assert "HCC_XAI_MODEL" in str(raised.value)
    monkeypatch.setenv("HCC_XAI_MODEL", "owner/other")
    assert bundle.default_model() == "owner/other"
