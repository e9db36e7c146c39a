"""A trained model in a file, which a config names: to go on from it, or to use it as it is."""

import hashlib
from pathlib import Path
from typing import ClassVar, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from earthline.config.section import Section

REMOTE = "gs://"
KERAS = ".keras"
ONNX = ".onnx"


class ModelFile(Section):
    """A trained model. A local name is relative to the config's folder and becomes absolute when the config is read."""

    SUFFIXES: ClassVar[tuple[str, ...]] = (KERAS,)
    """Kinds of files that can be read."""

    file: str = Field(
        min_length=1,
        max_length=1024,
        description="Keras 3 model, a .keras file: gs:// or on this machine, relative to the config's folder.",
    )
    sha256: str | None = Field(
        default=None,
        pattern=r"^[0-9a-f]{64}$",
        description="SHA-256 of the file; another one is refused. Left out, that of a local file is taken when the "
        "config is read; a gs:// file should get a new name when it changes, so that the training runs again.",
    )

    @field_validator("file")
    @classmethod
    def _can_be_read(cls, file: str) -> str:
        name = file.lower().rstrip("/")
        if name.endswith(cls.SUFFIXES):
            return file
        if name.endswith(ONNX):
            raise ValueError(
                f"{file} is ONNX, whose layers are none of train.model's, so that no training can begin at it; take it "
                "as it is by `train.model: {name: file}`, or begin at a .keras file"
            )
        if name.endswith((".pt", ".pth", ".ckpt", ".pt2")):
            raise ValueError(
                f"{file} is a file of PyTorch, which may hold code that runs when it is read; export the network as "
                "ONNX: docs/how-to/choose-a-model.md has the line"
            )
        raise ValueError(
            f"{file} is no {' and no '.join(cls.SUFFIXES)} file; read a SavedModel folder or an .h5 file with the "
            "Keras that wrote it (Keras 2: the package tf_keras), give its weights to the same network built in "
            "Keras 3, and save that as .keras"
        )

    @model_validator(mode="after")
    def _is_there(self, info: ValidationInfo) -> Self:
        folder = (info.context or {}).get("folder")
        if folder is None or not self.local:
            return self
        path = (Path(folder) / self.file).resolve()
        if not path.is_file():
            raise ValueError(f"file {path} is not there; correct the name")
        with path.open("rb") as opened:
            found = hashlib.file_digest(opened, "sha256").hexdigest()
        if self.sha256 not in (None, found):
            raise ValueError(f"sha256 of {path} is {found}, not {self.sha256}: it is another file")
        # The section is frozen for those who use it; here it is still in the making.
        self.__dict__.update(file=str(path), sha256=found)
        return self

    @property
    def local(self) -> bool:
        """Whether it lies on this machine."""
        return not self.file.startswith(REMOTE)
