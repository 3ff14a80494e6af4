"""The health of objects by rules that are data. Pure: the rule files are read by an adapter."""
