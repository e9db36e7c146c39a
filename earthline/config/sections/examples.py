"""The section `data.examples`: TFRecords that exist already, taken as the dataset."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationInfo, model_validator

from earthline.config.section import Section

REMOTE = "gs://"

Pattern = Annotated[str, Field(min_length=1, max_length=1024)]
Patterns = tuple[Pattern, ...]


class ExampleSplit(Section):
    """How records are dealt to train, validation and test, in proportion to `export.shares`."""

    by: Literal["file", "key", "record", "mixer"] = Field(
        description="What stays together: the records of a `file`, those with the same value of a feature (`key`), "
        "each `record` for itself, or blocks of ground by the place that Earth Engine's `mixer` tells. With the mixer "
        "alone the distance between splits is known."
    )
    key: str | None = Field(
        default=None,
        min_length=1,
        description="Feature whose value stays in one split, such as a region's name; one of the values train, "
        "validation and test is taken at its word.",
    )
    mixer: Pattern | None = Field(
        default=None,
        description="Mixer file (JSON) that Earth Engine wrote beside the TFRecords of an image's export.",
    )

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        for name, value in (("key", self.key), ("mixer", self.mixer)):
            if self.by == name and value is None:
                raise ValueError(f"`by: {name}` needs `{name}`; give it")
            if self.by != name and value is not None:
                raise ValueError(f"`{name}` goes with `by: {name}`; remove one of the two")
        return self


class Examples(Section):
    """TFRecords made elsewhere: one list of numbers for each band, gzip or not.

    Local names are relative to the config's folder and become absolute when the config is read.
    """

    files: Patterns = Field(
        default=(), description="TFRecord files: gs:// or local paths, with * and ? in names; dealt as `split` says."
    )
    train: Patterns = Field(default=(), description="In place of `files` and `split`: files of the training split.")
    validation: Patterns = Field(default=(), description="Files of the validation split.")
    test: Patterns = Field(default=(), description="Files of the test split.")
    split: ExampleSplit | None = Field(default=None, description="How the records of `files` are split.")
    features: dict[str, str] = Field(
        default_factory=dict,
        description="Feature of a record by band, such as {B4: red}; left out, a feature has its band's name.",
    )

    @model_validator(mode="after")
    def _is_complete(self, info: ValidationInfo) -> Self:
        given = {split: getattr(self, split) for split in ("train", "validation", "test")}
        named = [split for split, patterns in given.items() if patterns]
        if bool(self.files) == bool(named):
            raise ValueError("give `files` and `split`, or `train`, `validation` and `test`")
        if named:
            missing = [split for split in given if split not in named]
            if missing:
                raise ValueError(
                    f"`{missing[0]}` is missing: name the files of all three splits, or `files` and `split`"
                )
            if self.split is not None:
                raise ValueError("`split` goes with `files`; remove it, as the splits are given")
        elif self.split is None:
            raise ValueError("`files` needs `split`, such as {by: file}")
        folder = (info.context or {}).get("folder")
        if folder is not None:
            self._make_absolute(Path(folder))
        return self

    def _make_absolute(self, folder: Path) -> None:
        def whole(pattern: str) -> str:
            return pattern if pattern.startswith(REMOTE) else str((folder / pattern).resolve())

        # The section is frozen for those who use it; here it is still in the making.
        for key in ("files", "train", "validation", "test"):
            self.__dict__[key] = tuple(whole(pattern) for pattern in getattr(self, key))
        if self.split is not None and self.split.mixer is not None:
            self.__dict__["split"] = self.split.model_copy(update={"mixer": whole(self.split.mixer)})

    @property
    def patterns(self) -> dict[str, Patterns]:
        """Names of files by split; by the empty text where the split is to be made."""
        if self.files:
            return {"": self.files}
        return {"train": self.train, "validation": self.validation, "test": self.test}

    @property
    def local(self) -> tuple[str, ...]:
        """Every name that is one of this machine."""
        mixer = self.split.mixer if self.split is not None else None
        named = [*(pattern for patterns in self.patterns.values() for pattern in patterns), *([mixer] if mixer else [])]
        return tuple(pattern for pattern in named if not pattern.startswith(REMOTE))

    def feature(self, band: str) -> str:
        """Feature of a record that holds a band.

        Args:
            band: Of the imagery.
        """
        return self.features.get(band, band)
