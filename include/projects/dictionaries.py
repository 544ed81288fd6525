"""The section ``data.dictionaries`` of a project.yaml: where word dictionaries come from."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Literal

from pydantic import Field, model_validator

from include.projects.parts import Part
from include.projects.sources import VARIABLE


class DictionarySource(Part):
    """A file of words, or a folder of such files: CSV with the column word and, if you like, tag, weight and replacement;
    JSON Lines with the same fields or words alone; or text, a word a line with the others behind it, parted by tabs.
    """

    path: str | None = Field(None, min_length=1, description="File or folder below the folder of the project.")
    url: str | None = Field(
        None, min_length=1, description="Or elsewhere: a path (relative to the home of the product), or an fsspec URL."
    )
    glob: str = Field("**/*", min_length=1, description="Which files of a folder.")
    format: Literal["csv", "jsonl", "txt"] | None = Field(None, description="Where it is not given, the file's name says it.")
    charset: str = Field("utf-8", description="Such as cp949.")
    delimiter: str = Field(",", min_length=1, max_length=1, description="Of csv.")
    conflicts: Literal["refuse", "first", "last"] = Field(
        "refuse", description="A word and tag that is there twice with another weight or replacement: which one counts."
    )
    options_env: str | None = Field(
        None, pattern=VARIABLE, description="Environment variable with the store's credentials: a JSON object of fsspec options."
    )

    @model_validator(mode="after")
    def _fits(self) -> DictionarySource:
        if (self.path is None) == (self.url is None):
            raise ValueError("name either path, below the folder of the project, or url")
        if self.path is not None and (PurePosixPath(self.path).is_absolute() or ".." in PurePosixPath(self.path).parts):
            raise ValueError("path must lie below the folder of the project; take url for a place elsewhere")
        if self.url is not None and ("::" in self.url or "@" in self.url.partition("://")[2].partition("/")[0]):
            raise ValueError("url must be one plain address without credentials: those belong into the variable of options_env")
        try:
            "".encode(self.charset)
        except (LookupError, UnicodeError) as cause:
            raise ValueError(f"charset {self.charset!r} is not known") from cause
        return self
