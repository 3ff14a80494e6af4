"""The rule files that come with envctl: found in the package, read, checked with their schema."""
