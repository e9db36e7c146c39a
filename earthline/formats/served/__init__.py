"""What describes a served model: contract, outputs, what runs it, proofs that travel with it, when answers agree."""
