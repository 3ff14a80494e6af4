"""The copy of the sample that the functional tests use; the pages speak of the same one."""

from tests.functional.conftest import _steady_identity, sample, sample_template

__all__ = ["_steady_identity", "sample", "sample_template"]
