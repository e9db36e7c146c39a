"""Pipeline jobs: an interpreter of what KFP compiles."""
