"""The ways of making a machine, one file each."""
