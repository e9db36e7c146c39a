"""Google on a laptop: Earth Engine, Vertex AI and Cloud Storage over their own protocols.

Nothing outside this package imports it and it imports none of Earthline's other packages: both sides meet on
the wire alone, so that one misunderstanding cannot live on both.
"""
