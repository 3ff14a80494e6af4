"""envctl: a declarative multi-environment configuration monorepo with a Git-native state store."""

__version__ = "0.1.0"
