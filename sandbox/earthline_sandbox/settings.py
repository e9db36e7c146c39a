"""Settings of a sandbox: its folders, its project and its ports."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Home:
    """The sandbox's data folder; everything it knows lies below it.

    Attributes:
        root: The folder itself.
    """

    root: Path

    @property
    def state_file(self) -> Path:
        """Process id, ports and start time of the running sandbox, as JSON."""
        return self.root / "state.json"

    @property
    def authority(self) -> Path:
        """The certificate authority's folder; its key has mode 0600."""
        return self.root / "authority"

    @property
    def storage(self) -> Path:
        """Objects as plain files, `<bucket>/<object name>`: also what a task sees as its mount of Cloud Storage."""
        return self.root / "storage"

    @property
    def storage_metadata(self) -> Path:
        """Content types, custom metadata and generations of those objects."""
        return self.root / "storage-metadata"

    @property
    def earthengine(self) -> Path:
        """Assets of the Earth Engine catalogue, one folder each."""
        return self.root / "earthengine"

    @property
    def vertex(self) -> Path:
        """Vertex AI resources, the cache of tasks, and the folders of running jobs."""
        return self.root / "vertex"

    @property
    def log_file(self) -> Path:
        """The sandbox's own log."""
        return self.root / "sandbox.log"


@dataclass(frozen=True)
class Settings:
    """What every service of one sandbox shares.

    Attributes:
        home: Data folder.
        port: Loopback TCP port of the plain-HTTP application that serves every Google host by its Host header.
        environment: Variables that make an unmodified Google client in a child process talk to this sandbox
            (proxy, CA bundle, metadata server, project). Services add them to every process that they start.
        containers: The workflow's container image where containers run on a Docker engine; empty where they are
            processes of this machine.
        preload: Python modules that are loaded once, before tasks need them, where containers are processes; those
            that are not installed are passed over.
        project: Project id.
        project_number: Project number, as Resource Manager reports it.
        location: Default Vertex AI location.
    """

    home: Home
    port: int
    environment: dict[str, str] = field(default_factory=dict)
    containers: str = ""
    preload: tuple[str, ...] = ()
    project: str = "sandbox"
    project_number: str = "123456789012"
    location: str = "us-central1"
