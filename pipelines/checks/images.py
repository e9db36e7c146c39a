"""References to container images, such as `us-central1-docker.pkg.dev/PROJECT/REPOSITORY/NAME:TAG`."""

import re
from dataclasses import dataclass
from urllib.parse import quote

_REFERENCE = re.compile(
    r"(?:(?P<registry>[a-z0-9][a-z0-9.-]*(?:\.[a-z]+|:\d+|localhost)(?::\d+)?)/)?"
    r"(?P<path>[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*)"
    r"(?::(?P<tag>\w[\w.-]{0,127}))?"
    r"(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)
"""As https://github.com/distribution/reference defines it, with SHA-256 as the only digest."""
_ARTIFACT_REGISTRY = "-docker.pkg.dev"


class ImageError(ValueError):
    """A text that names no image, or an image without a fixed version."""


@dataclass(frozen=True)
class ImageReference:
    """A name of an image.

    Attributes:
        registry: Host, such as `us-central1-docker.pkg.dev`; empty where none is given.
        path: Names between registry and tag.
        tag: Tag, such as `0.1.0`; empty where a digest or nothing is given.
        digest: `sha256:…`; empty where none is given.
    """

    registry: str
    path: str
    tag: str
    digest: str

    @classmethod
    def parse(cls, text: str) -> "ImageReference":
        """Reads a reference.

        Args:
            text: Such as `us-central1-docker.pkg.dev/PROJECT/REPOSITORY/NAME:TAG`.

        Raises:
            ImageError: It is none, has neither tag nor digest, or its tag is `latest`.
        """
        found = _REFERENCE.fullmatch(text)
        if found is None:
            raise ImageError(f"'{text}' names no container image; write REGISTRY/PATH/NAME:TAG in lower case")
        reference = cls(found["registry"] or "", found["path"], found["tag"] or "", found["digest"] or "")
        if not reference.digest and reference.tag in ("", "latest"):
            raise ImageError(
                f"'{text}' does not say which version runs, so that steps of an older one would be taken from the "
                "cache; give a tag such as :0.1.0, or a digest"
            )
        if reference.is_artifact_registry and len(reference.path.split("/")) < 3:
            raise ImageError(f"'{text}' lacks a part; Artifact Registry's are HOST/PROJECT/REPOSITORY/NAME:TAG")
        return reference

    @property
    def is_artifact_registry(self) -> bool:
        """True for Google's Artifact Registry."""
        return self.registry.endswith(_ARTIFACT_REGISTRY)

    @property
    def repository(self) -> str:
        """Resource name of its repository in Artifact Registry."""
        project, repository, *_ = self.path.split("/")
        return (
            f"projects/{project}/locations/{self.registry.removesuffix(_ARTIFACT_REGISTRY)}/repositories/{repository}"
        )

    @property
    def package(self) -> str:
        """Resource name of its package in Artifact Registry."""
        name = "/".join(self.path.split("/")[2:])
        return f"{self.repository}/packages/{quote(name, safe='')}"
