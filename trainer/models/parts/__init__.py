"""What several architectures are made of. Keras is imported where layers are built, as in the architectures."""
