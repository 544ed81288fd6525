from __future__ import annotations

import importlib.util
import itertools
import sys

from include.components.digest import own_digest, whole_digest
from include.components.library.estimators import forest, linear

MODULE = '''
"""About."""
import math
from include.training.scores import macro_f1
LIMIT = 3
OTHER = 4
def helper(x):
    """Help."""
    return x + LIMIT
def body(x):
    # say
    """Do it."""
    return helper(x) + math.pi
def beside(x):
    return OTHER
'''
_numbers = itertools.count()


def digests(tmp_path, text):
    name = f"digested_{next(_numbers)}"
    path = tmp_path / f"{name}.py"
    path.write_text(text)
    spec = importlib.util.spec_from_file_location(name, path)
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return own_digest(module.body), whole_digest(module.body)


def test_only_what_the_code_does_counts(tmp_path):
    own, _ = digests(tmp_path, MODULE)
    for same in (
        ("# say", "# say more"),
        ("Do it.", "하라"),
        ("OTHER = 4", "OTHER = 5"),
        ("return OTHER", "return 1"),
        ("x + LIMIT", "x  +  LIMIT"),
    ):
        assert digests(tmp_path, MODULE.replace(*same))[0] == own, same
    for other in (
        ("LIMIT = 3", "LIMIT = 2"),
        ("x + LIMIT", "x - LIMIT"),
        ("math.pi", "math.e"),
        ("import math", "import cmath as math"),
    ):
        assert digests(tmp_path, MODULE.replace(*other))[0] != own, other


def test_the_whole_digest_follows_imports_of_the_product(tmp_path, monkeypatch):
    from include.components import digest

    uses = MODULE.replace("return helper(x)", "return macro_f1(x, x)")
    assert digests(tmp_path, uses)[1] != digests(tmp_path, MODULE)[1]
    before = whole_digest(forest)
    content = digest._content
    changed = lambda path, at: "changed" if path.name == "estimators.py" and path.parent.name == "training" else content(path, at)  # noqa: E731
    monkeypatch.setattr(digest, "_content", changed)
    assert whole_digest(forest) != before and own_digest(forest) != own_digest(linear)
