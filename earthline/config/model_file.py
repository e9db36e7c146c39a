"""A trained model in a file, which a config names: to go on from it, or to use it as it is."""

import hashlib
from pathlib import Path
from typing import Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from earthline.config.section import Section

REMOTE = "gs://"
SUFFIX = ".keras"


class ModelFile(Section):
    """A Keras model. A local name is relative to the config's folder and becomes absolute when the config is read."""

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
        if name.endswith(SUFFIX):
            return file
        if name.endswith(".onnx"):
            raise ValueError(
                f"{file} is ONNX, which cannot be read: nothing that fits TensorFlow 2.21 turns it into layers of "
                "Keras 3; build the network in Keras, give it the same weights, and save that as .keras"
            )
        raise ValueError(
            f"{file} is no .keras file; read a SavedModel folder or an .h5 file with the Keras that wrote it (Keras 2: "
            "the package tf_keras), give its weights to the same network built in Keras 3, and save that as .keras"
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
