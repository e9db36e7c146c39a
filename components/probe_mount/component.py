"""The step as KFP sees it; the canary's pipeline alone has it."""

from kfp import dsl
from kfp.dsl import Artifact, Output


@dsl.component(base_image="earthline", install_kfp_package=False)
def probe_mount(writing: Output[Artifact]):
    """Writes into the mounted bucket as the step's user, and as a user without rights.

    Args:
        writing: Folder with `writing.json`: who could write there.
    """
    from components.probe_mount.run import run

    run(writing=writing)
