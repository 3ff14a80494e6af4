"""Commands: parse, call one workflow, print. The root error boundary lives here."""
