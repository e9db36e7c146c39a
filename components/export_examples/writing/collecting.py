"""The Beam step that puts what has arrived into the spool."""

import apache_beam as beam

from components.export_examples.writing.chunks import ChunkWriter, EncodedPatch, LostPatch


class CollectPatches(beam.DoFn):  # type: ignore[misc]  # Beam publishes no types
    """Writes chunks; nothing leaves it, so that no runner holds examples.

    What a bundle has brought is on the disk when the bundle ends: one that is tried again brings some patches twice,
    which count once.
    """

    def __init__(self, folder: str) -> None:
        """Keeps where the spool is.

        Args:
            folder: Of the spool, a path or a gs:// URI.
        """
        self._writer = ChunkWriter(folder)

    def process(self, arrived: EncodedPatch | LostPatch) -> None:
        """Takes one."""
        self._writer.add(arrived)

    def finish_bundle(self) -> None:
        """Writes what waits."""
        self._writer.flush()
