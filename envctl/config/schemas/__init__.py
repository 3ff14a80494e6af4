"""The JSON Schemas of the files that envctl reads; editors use them too."""
