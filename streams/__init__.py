"""The room log: append, tail, replay, groups, trim. Imports nothing from the other packages of the house."""
