"""What DAG files import of the product, loaded once in the process that all others are forked from.

The DAG processor reads each file in a process of its own, and so does each task: without this, each spends a quarter of a
second of a processor on the same imports. A changed module is seen after a restart, which `make up` does by itself.
"""

from __future__ import annotations

import ast
import logging
from importlib import import_module
from pathlib import Path

from airflow.listeners import hookimpl

OURS = ("operators", "include")


def names(source: str) -> list[tuple[str, str]]:
    """Return module and name of everything that a DAG file imports of the product.

    Args:
        source: text of the file; one that is no Python has none.
    """
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError):
        return []
    imports = [node for node in body if isinstance(node, ast.ImportFrom) and not node.level]
    found = [(str(node.module), alias.name) for node in imports for alias in node.names]
    return [(module, name) for module, name in found if module.partition(".")[0] in OURS]


def preload(folder: Path) -> None:
    """Import what the DAG files of a folder import; what cannot be imported is an import error of its file, not of this."""
    for file in sorted(folder.glob("*.py")):
        for module, name in names(file.read_text(encoding="utf-8", errors="replace")):
            try:
                getattr(import_module(module), name)  # packages of operators load a module with its first name
            except Exception as cause:
                logging.getLogger(__name__).warning("%s of %s is not loaded ahead: %s", name, module, cause)


class Preload:
    """Loads it when the DAG processor starts."""

    @hookimpl
    def on_starting(self, component: object) -> None:
        """Load it before the first file is read."""
        from airflow.configuration import conf

        preload(Path(conf.get_mandatory_value("core", "dags_folder")))
