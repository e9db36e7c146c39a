"""Google on a laptop: Earth Engine, Vertex AI and Cloud Storage over their own protocols.

Nothing outside this package imports it, and it imports none of Earthline's other packages: they share Google's
protocols alone. So a misunderstanding of them in one is not repeated in the other, and tests find it.
"""
